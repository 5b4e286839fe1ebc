"""`keystile scan`: finds leaked secrets in files, streams and git histories."""
