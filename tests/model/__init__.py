"""Tests of mailsuite.model."""
