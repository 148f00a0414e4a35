"""All READMEs of the repository by their path, the root's first."""

from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDERS = ("simulator", "scenarios", "contract", "tests")
_FOUND = sorted(chain.from_iterable((ROOT / folder).rglob("README.md") for folder in _FOLDERS))

PATHS = {str(path.relative_to(ROOT)): path for path in (ROOT / "README.md", *_FOUND)}
READMES = {name: path.read_text(encoding="utf-8") for name, path in PATHS.items()}
