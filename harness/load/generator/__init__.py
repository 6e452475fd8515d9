"""What runs inside Locust's processes: users of an open model, and what they tell of each request."""
