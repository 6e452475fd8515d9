"""How connections of clients are served: uvicorn, with its HTTP protocol taught what the guide and RFC 9112 ask."""
