"""Tests of mailsuite.login."""
