"""`keystile doctor`: looks at everything that Keystile needs, and says what to do about what is wrong."""
