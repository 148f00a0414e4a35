"""The offers list: its rows, their order and its cached bytes."""
