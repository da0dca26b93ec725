"""Tests of mail authentication."""
