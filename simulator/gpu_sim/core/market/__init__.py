"""Offers, their prices and their availability."""
