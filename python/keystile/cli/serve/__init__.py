"""`keystile serve`: one process that starts everything, watches over it, and stops it in order."""
