"""The offers list: its rows, their order and the bytes kept of it."""
