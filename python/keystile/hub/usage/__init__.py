"""Usage: how much keys are used, and how often in vain."""
