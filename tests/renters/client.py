"""The renter that the checks are about; `tests/testing/test_pytest_plugin.py` puts each in its place in turn."""

from .sound import Renter

__all__ = ["Renter"]
