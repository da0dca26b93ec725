"""The mail as a person uses it."""
