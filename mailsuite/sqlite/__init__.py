"""Adapter: the embedded store."""
