"""Sweeps: runs over settings and seeds under the same luck, their results in a file, and what differs between them."""
