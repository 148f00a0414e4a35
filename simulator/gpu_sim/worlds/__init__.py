"""Worlds on a server: their clocks, tokens, state files, request logs and faults."""
