"""Answers of the control plane as types: what is encoded, and what its document describes.

Of events and fault rules they are the description alone: those are encoded as they are posted and recorded.
"""
