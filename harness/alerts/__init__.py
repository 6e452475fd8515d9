"""Alert rules, evaluated: what a Prometheus that scraped this would have made of it.

No Prometheus is needed for it.  Law: what is not known here is an error, never a rule that does not fire; a test
compares the outcome with ``promtool``'s.
"""
