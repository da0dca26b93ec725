"""Tests of mailsuite.redis, on real servers."""
