"""Tests of mailsuite.daemons."""
