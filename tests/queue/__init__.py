"""Tests of mailsuite.queue."""
