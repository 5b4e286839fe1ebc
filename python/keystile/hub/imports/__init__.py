"""Imports: keys whose secrets were made elsewhere, in batches that may be sent again."""
