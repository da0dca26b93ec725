"""mailctl."""
