"""errorpath."""
