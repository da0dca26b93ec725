"""Contract suites: what every implementation of a seam must do, run on the fake and on each real adapter."""
