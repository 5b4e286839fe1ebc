"""What goes wrong, and when: each scenario is decided by a seed, and the same for the same seed."""
