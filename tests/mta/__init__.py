"""Tests of mailsuite.mta."""
