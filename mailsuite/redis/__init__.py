"""Adapter: schedule, events, counters."""
