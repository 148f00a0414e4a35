"""Renters, expectations and sweeps: the part of a scenario that experiments read, and a server does not."""
