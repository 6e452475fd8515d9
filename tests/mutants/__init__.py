"""Defective proxies: the reference with one fault each, of a kind a person would really make.

They are what the checks themselves are checked with: a path that accuses none of them could not fail.
"""
