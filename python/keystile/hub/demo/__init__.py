"""Sample data and sample products, so that a first look has something to show."""
