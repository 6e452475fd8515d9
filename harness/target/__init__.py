"""The proxy under test: its target file, how it is started or reached, and how fast its clock runs."""
