"""Tests of the SMTP engines."""
