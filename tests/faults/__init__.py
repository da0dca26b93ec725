"""The delivery scheduler, broken on purpose: real stores, a real Redis, worker processes that are killed and frozen."""
