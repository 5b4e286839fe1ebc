"""The agent: one per machine, it keeps the machine's gate fresh and carries its counts to the database."""
