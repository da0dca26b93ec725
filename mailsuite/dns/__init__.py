"""DNS without I/O: wire format, compiled zones, answers, the records of a mail domain, look-ups."""
