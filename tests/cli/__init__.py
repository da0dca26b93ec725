"""Tests of mailsuite.cli."""
