"""Rentals from provisioning to their end, and what ends them."""
