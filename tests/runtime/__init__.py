"""Tests of mailsuite.runtime."""
