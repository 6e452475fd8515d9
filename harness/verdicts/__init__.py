"""What is expected of a trace, what it was, and whose fault the difference is."""
