"""Tenants: whose keys they are."""
