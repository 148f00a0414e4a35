"""Renting as a renter sees it: the market in view, what happens, what may be decided, and the way to the market."""
