"""The verdict on each clause, gathered from its tests."""
