"""A local simulator and mock server for a spot-GPU rental API."""

__version__ = "0.1.0"
