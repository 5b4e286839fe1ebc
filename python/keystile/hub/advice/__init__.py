"""Advice: what is to be looked at in keys."""
