"""Measuring markets, recorded and simulated, by one set of definitions. Needs the extra `market`: numpy and scipy."""
