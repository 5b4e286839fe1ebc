"""Signing in: passwords, links, sessions, and how a request proves that it comes from one."""
