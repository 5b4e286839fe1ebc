"""The command line: one file per command group; what commands share lies beside them."""
