"""A TCP fault server that speaks Toxiproxy 2.12's HTTP API.

From the wire inwards: `wire` (HTTP) → `api` (routes) → `collection` → `proxy` (one listener and its toxics) →
`connection` (one client and its upstream) → `flow` (one direction) → `stage` (one toxic at work) → `toxics/`.
"""
