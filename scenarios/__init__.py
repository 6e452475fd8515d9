"""The scenarios: one file per family of the catalogue, each scenario one claim."""
