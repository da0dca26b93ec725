"""Webmail over a real site on loopback, the real roles and a real SQLite store."""
