"""PostgreSQL, the truth: plain SQL in `queries/`, the schema in `migrations/`, one module per noun."""
