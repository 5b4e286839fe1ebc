"""`keystile keys import`."""
