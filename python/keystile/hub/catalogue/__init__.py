"""The catalogue: which scopes and tiers there are."""
