"""Scenarios that go wrong in every way, to be run by the real command line in place of the real ones."""
