"""errorpath: checks every documented error path of an HTTP proxy, under real faults and real load."""

__version__ = "0.1.0"
