"""The page of a load run: one HTML file that needs nothing else, drawn from the data of ``load.json`` alone."""
