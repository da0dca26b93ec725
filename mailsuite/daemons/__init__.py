"""Composition roots: one module per daemon."""
