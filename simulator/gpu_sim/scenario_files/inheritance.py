"""Inheritance of scenario files: shorthands written out, files found, and the extended scenario merged in."""

import re
from os.path import isfile
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from ..core.kernel.names import did_you_mean
from ..core.scenario.catalog import PROVIDER_CLASSES
from ..notation import fixed_document, is_duration_alone
from ..shipped_files import folder as shipped_folder
from .catalog import default_catalog
from .problems import FieldPath, ScenarioError, problem_at, read_text
from .yaml_tree import BYTES_MAX, Node, read_tree

DEFAULT_CATALOG = "default"
"""The name of the shipped catalogue."""

_NEVER_INHERITED = ("name", "description", "expect", "extends")
"""The keys that identify a scenario, and so are never inherited."""

_PROVISIONING: tuple[FieldPath, ...] = (
    ("delay",),
    *(("parts", phase) for phase in ("allocate", "boot", "fine_tuned")),
    *(("parts", phase, "per_gb") for phase in ("pull", "weights")),
)

_DISTRIBUTIONS: tuple[FieldPath, ...] = (
    ("market", "interruptions", "reclaim"),
    *(("market", "provisioning", key, *what) for key in (*PROVIDER_CLASSES, "all") for what in _PROVISIONING),
)
"""Where a duration alone stands for `{fixed: …}`; a child's distribution replaces its parent's as a whole."""

_TIMEOUTS: tuple[FieldPath, ...] = (("billing", "idle_timeout"), ("billing", "hold_expiry"))
"""The keys that `none` switches off."""

RECORDINGS = (("availability", "trace", ".json"), ("prices", "series", ".csv"))
"""The lists of `market.replay` that name files: the list, the key of its entries, and the ending of the names."""

_CHAIN_MAX = 16

_is_file_name = re.compile(r"\w[\w .-]*\.(ya?ml|csv|json)").fullmatch


class Folder(Struct, frozen=True):
    """The folder of the files that a scenario names. From one that `is_closed` no symbolic link leads out."""

    path: Path
    is_closed: bool = False

    def file(self, name: str) -> Path | None:
        """The file of that name, or None. A name with a separator in it names none."""
        file = self.path / name
        if _is_file_name(name) is None or not isfile(file):  # a name too long for the system is none
            return None
        if not self.is_closed:
            return file
        # Both are resolved, for the folder itself may be reached by a link.
        resolved = file.resolve()
        return resolved if resolved.is_relative_to(self.path.resolve()) else None

    def names(self, pattern: str) -> list[str]:
        """The names of the files that match a pattern, in alphabetical order."""
        return sorted(file.name for file in self.path.glob(pattern))


def _stem(file: Path) -> str:
    return file.stem


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that travel with the simulator: their files by name, in alphabetical order."""
    return {file.stem: file for file in sorted(shipped_folder("scenarios").glob("*.yaml"), key=_stem)}


def shipped_studies() -> dict[str, Path]:
    """The studies that travel with the simulator: scenarios with renters, for `gpu-sim run` and `gpu-sim sweep`."""
    return {file.stem: file for file in sorted((shipped_folder("scenarios") / "studies").glob("*.yaml"), key=_stem)}


def all_shipped() -> dict[str, Path]:
    """The scenarios and the studies that travel with the simulator."""
    return shipped_scenarios() | shipped_studies()


def inherit(root: Node, folder: Folder | None, origin: str) -> Node:
    """The tree with everything that it extends merged in. Raises ScenarioError.

    Mappings merge key by key, lists and scalars replace. `folder` is where the files it names are, if it may name any.
    """
    return _inherit(root, folder, () if folder is None else (Path(origin).resolve(),))


def _inherit(root: Node, folder: Folder | None, chain: tuple[Path, ...]) -> Node:
    if not isinstance(root.value, dict):
        raise ScenarioError(problem_at(root.place, (), "a scenario is a mapping, such as name: my-scenario"))
    # Before the merge: a shorthand must replace its parent's distribution as a whole, and files are sought where they
    # are named.
    _write_out(root)
    _find_catalog(root, folder)
    _find_recordings(root, folder)
    extends = root.find("extends")
    if extends is None or not isinstance(extends.value, str):
        return root
    path = _parent(extends, extends.value, folder)
    if len(chain) >= _CHAIN_MAX:
        _refuse(extends, ("extends",), f"more than {_CHAIN_MAX} scenarios extend one another")
    if path.resolve() in chain:
        _refuse(extends, ("extends",), f'"{extends.value}" extends this one in turn')
    # A shipped scenario finds its files beside itself, even for a document that may name none.
    its_folder = Folder(path.parent) if extends.value in all_shipped() else folder
    parent = _inherit(read_tree(read_text(path, BYTES_MAX), str(path)), its_folder, (*chain, path.resolve()))
    assert isinstance(parent.value, dict)
    inherited = {key: node for key, node in parent.value.items() if key not in _NEVER_INHERITED}
    return _merge(Node(inherited, parent.place), root, ())


def _write_out(root: Node) -> None:
    """Replace shorthands by what they stand for."""
    for path in (
        *_DISTRIBUTIONS,
        *_in_each(root, "faults", "effect", "delay"),
        *_in_each(root, "renters", "jobs", "work"),
    ):
        node = root.find(*path)
        if node is not None and is_duration_alone(node.value):
            written_out = fixed_document(Node(node.value, node.place, implied=True))
            _put(root, path, Node(written_out, node.place, node.key_place))
    for path in _TIMEOUTS:
        node = root.find(*path)
        if node is not None and node.value == "none":
            _put(root, path, Node(None, node.place, node.key_place))


def _in_each(root: Node, key: str, *within: str) -> list[FieldPath]:
    """The same place within each item of a list at the top of the scenario."""
    found = root.find(key)
    items = found.value if found is not None and isinstance(found.value, list) else []
    return [(key, index, *within) for index in range(len(items))]


def _find_catalog(root: Node, folder: Folder | None) -> None:
    """Replace a catalogue's name by the path of its file, which is beside the file that names it."""
    path: FieldPath = ("market", "catalog")
    node = root.find(*path)
    if node is None or not isinstance(node.value, str):
        return
    file = default_catalog() if node.value == DEFAULT_CATALOG else _named_file(node, path, node.value, folder)
    if file is None:
        known = [DEFAULT_CATALOG, *(_file_names(folder, "*.csv"))]
        hint = did_you_mean(node.value, known)
        _refuse(node, path, f'no catalogue "{node.value}": expected default or a CSV file beside this one{hint}')
    _put(root, path, Node(str(file), node.place, node.key_place))


def _find_recordings(root: Node, folder: Folder | None) -> None:
    """Replace the names of recordings by the paths of their files, which are beside the file that names them."""
    for kind, key, ending in RECORDINGS:
        entries = root.find("market", "replay", kind)
        count = len(entries.value) if entries is not None and isinstance(entries.value, list) else 0
        for index in range(count):
            path: FieldPath = ("market", "replay", kind, index, key)
            node = root.find(*path)
            if node is None or not isinstance(node.value, str):
                continue
            file = _named_file(node, path, node.value, folder) if node.value.endswith(ending) else None
            if file is None:
                hint = did_you_mean(node.value, _file_names(folder, f"*{ending}"))
                _refuse(node, path, f'no {key} "{node.value}": expected a {ending} file beside this one{hint}')
            _put(root, path, Node(str(file), node.place, node.key_place))


def _parent(node: Node, name: str, folder: Folder | None) -> Path:
    shipped = all_shipped()
    file = shipped.get(name) or _named_file(node, ("extends",), name, folder)
    if file is None:
        hint = did_you_mean(name, [*shipped, *_file_names(folder, "*.yaml")])
        _refuse(node, ("extends",), f'no scenario "{name}": expected a shipped one or a file beside this one{hint}')
    return file


def _named_file(node: Node, path: FieldPath, name: str, folder: Folder | None) -> Path | None:
    """The file of that name beside the one that names it, if there is one."""
    if not _is_file_name(name):
        return None
    if folder is None:
        _refuse(node, path, f'"{name}" is a file, and a scenario that came without a folder can name none')
    return folder.file(name)


def _file_names(folder: Folder | None, pattern: str) -> list[str]:
    return folder.names(pattern) if folder is not None else []


def _merge(parent: Node, child: Node, path: FieldPath) -> Node:
    if not isinstance(parent.value, dict) or not isinstance(child.value, dict) or path in _DISTRIBUTIONS:
        return child
    kept = {key: node for key, node in parent.value.items() if key not in _outdated(path, child.value)}
    merged = kept | {
        key: _merge(kept[key], node, (*path, key)) if key in kept else node for key, node in child.value.items()
    }
    return Node(merged, child.place, child.key_place)


def _outdated(path: FieldPath, child: dict[str, Node]) -> tuple[str, ...]:
    """The keys of the parent's mapping that exclude the child's."""
    if path == ("market",):
        return (("catalog",) if "offers" in child else ()) + (("offers",) if "catalog" in child else ())
    if path[:2] == ("market", "provisioning") and len(path) == 3:
        return (("delay",) if "parts" in child else ()) + (("parts",) if "delay" in child else ())
    # Speed and step belong to one mode of the clock: they mean nothing in the child's.
    return ("speed", "step") if path == ("clock",) and "mode" in child else ()


def _put(root: Node, path: FieldPath, node: Node) -> None:
    mapping = root.find(*path[:-1])
    assert mapping is not None
    assert isinstance(mapping.value, dict)
    mapping.value[str(path[-1])] = node


def _refuse(node: Node, path: FieldPath, reason: str) -> NoReturn:
    raise ScenarioError(problem_at(node.place, path, reason))
