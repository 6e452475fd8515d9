"""Locust files: by ``errorpath load``, or by plain ``locust -f`` with its web page."""
