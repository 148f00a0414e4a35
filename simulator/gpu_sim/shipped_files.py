"""The folders of files that are shipped with the simulator."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def folder(name: Literal["scenarios", "contract"]) -> Path:
    """A folder of shipped files: inside the package where it was installed, beside the source root in a checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parents[1] / name
