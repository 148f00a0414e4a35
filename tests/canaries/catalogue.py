"""All canaries, wherever they are written."""

from .defects import clocks, errors, holds, idempotency, money, offers, rentals, unfit
from .registry import Canary, Soil, canary

__all__ = ["CANARIES", "UNFIT", "Canary", "Soil"]

FILES = (clocks, errors, holds, idempotency, money, offers, rentals)
"""To import them is to register what is written in them."""

CANARIES = tuple(canary)
UNFIT = tuple(unfit.unfit)
