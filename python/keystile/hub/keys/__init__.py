"""Keys: issuing, reading, changing, rotating and revoking them."""
