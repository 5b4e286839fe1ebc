"""Programs for working on Keystile; no part of the package."""
