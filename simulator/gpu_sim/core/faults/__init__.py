"""Fault rules at work beside the simulation: what they count, decide, and write into the journal."""
