"""Answers of the control plane as types: what is encoded, and what its document describes."""
