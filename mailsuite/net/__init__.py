"""The Twisted edge: sockets in and out."""
