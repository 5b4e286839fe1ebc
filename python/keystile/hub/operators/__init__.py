"""Operators: the people who sign in to the console."""
