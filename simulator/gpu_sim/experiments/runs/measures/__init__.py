"""Measures of a run: exact sums over its facts, by renter, provider and offer, and their courses over time."""
