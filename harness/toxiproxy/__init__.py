"""Links: a Toxiproxy-compatible server of our own (`server/`), and the client for it and for the real one (`client`).

Nothing is imported here: the server starts in milliseconds because it never loads the client's HTTP stack.
"""
