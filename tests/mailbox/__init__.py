"""Tests of mailsuite.mailbox."""
