"""SMTP without I/O: grammar, server session, client session, DATA."""
