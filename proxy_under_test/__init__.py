"""The reference proxy: ``/api/proxy/{path}`` in front of ``{NEXT_PUBLIC_API_URL}/api/{path}``.

Law: what to do is decided in modules without I/O or clock (``policy``, ``gate``, ``errors``, ``headers``, ``target``,
``frontdoor``, ``cors``); ``forward``, ``health``, ``transport`` and ``server`` do it.  Nothing here knows the
harness.
"""
