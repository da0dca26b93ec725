"""Tests of the MIME layer."""
