"""Fitting a market's shape and its offers' rates to recorded traces."""
