"""Policies: how a renter decides. The shipped ones, what surrounds each of them, and the loading of one's own."""
