"""Load: Locust while faults come and go, against a control, with gates.

Law: Locust monkey-patches the process that imports it, so only ``harness.load.generator`` and ``locustfiles`` do, in
processes of their own; the harness applies the faults beside them and reads what they wrote.
"""
