"""A target's promises as data: the contract's numbers and names, and the catalogue of error paths."""
