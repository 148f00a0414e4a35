"""Recorded and simulated availability traces, and the statistics taken of both alike."""
