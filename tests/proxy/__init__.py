"""The reference proxy: its pure parts by property, its transports by one table, the whole of it over the wire."""
