"""Tests of mailsuite.mda."""
