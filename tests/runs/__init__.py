"""The real command line, as a person or a CI runs it."""
