"""The scenarios that a server makes worlds of: those shipped, those of a folder that it was given, and inline ones."""

from pathlib import Path

from ..core.kernel.names import did_you_mean
from ..core.scenario.scenario import Scenario
from .load import Folder, build_scenario, load_scenario, parse_scenario, shipped_scenarios
from .problems import FilePlace, ScenarioError, problem_at, read_text
from .yaml_tree import BYTES_MAX

INLINE = "scenario"
"""The name of an inline document in errors."""

NAME_LENGTH_MAX = 256


class ScenarioLibrary:
    """Finds scenarios by name and builds them from documents.

    Names come from anybody who reaches the control plane. So nothing outside the shipped scenarios and `folder` is
    ever read, not as an extended scenario or a catalogue either. A shipped scenario is read once; a file of the folder
    each time, since its owner may be writing it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else Folder(folder, is_closed=True)
        self._read: dict[str, Scenario] = {}

    def at_hand(self, name: str) -> Scenario | None:
        """The shipped scenario of that name if it has been read already."""
        return self._read.get(name)

    def find(self, name: str) -> Scenario:
        """The shipped scenario of that name, or the one in the folder's file of that name. Raises ScenarioError."""
        shipped = shipped_scenarios()
        if name in shipped:
            scenario = self._read[name] = load_scenario(name)
            return scenario
        name = name[:NAME_LENGTH_MAX]  # the name is repeated in the error
        file = None if self._folder is None else self._folder.file(name)
        if file is None:
            known = [*shipped, *([] if self._folder is None else self._folder.names("*.y*ml"))]
            reason = f'no scenario "{name}"{did_you_mean(name, known) or ": " + ", ".join(known)}'
            if self._folder is None:
                reason += "; other files need --scenario-dir"
            raise ScenarioError(problem_at(FilePlace(INLINE), (), reason))
        return parse_scenario(read_text(file, BYTES_MAX), origin=str(file), folder=self._folder)

    def build(self, document: object) -> Scenario:
        """The scenario of an inline document, which names files as those of the folder do. Raises ScenarioError."""
        return build_scenario(document, origin=INLINE, folder=self._folder)
