"""Tests of mailsuite.msa."""
