"""Both ends of the proxy: the client that asks, the origin that answers, and what each of them saw.

Law: nothing in here raises for what the proxy did.  A refused, reset, cut-off or malformed exchange is a value;
an exception means that the harness itself failed.
"""
