"""The one door, the plan, the workers, the reconciler."""
