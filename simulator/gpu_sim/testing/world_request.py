"""Which world a test wants, as its marker says it, and the line that makes such a world again."""

import json
import shlex
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from inspect import signature
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..core.kernel.names import did_you_mean
from .arguments import span

DEFAULT_SCENARIO = "calm"
"""Nothing moves by itself in it."""

Profile = Literal["extended", "documented"]


class WorldImpossible(ValueError):  # named as the refusals are: by what it says
    """No such world can be asked for; the message names the field."""


class WorldRequest(Struct, frozen=True):
    """A world as a test wants it. Where a field is None the scenario decides."""

    scenario: str | Mapping[str, Any] = DEFAULT_SCENARIO
    """A shipped scenario, a YAML file, or a document."""
    seed: int | None = None
    profile: Profile | None = None
    step: str | None = None
    """How far the clock moves by itself before each request to the API, such as `5s`."""

    @property
    def file(self) -> Path | None:
        """The file that the scenario is in, if it is in one."""
        if not isinstance(self.scenario, str):
            return None
        path = Path(self.scenario)
        return path if path.suffix in (".yaml", ".yml") or len(path.parts) > 1 else None

    def found_in(self, *folders: Path) -> "WorldRequest":
        """The same, its file the first of that name in one of the folders if it is in any."""
        if self.file is None:
            return self
        there = [str(path) for folder in folders if (path := folder / self.file).is_file()]
        return replace(self, scenario=there[0]) if there else self


def wanted_from(markers: Iterable[tuple[tuple[object, ...], Mapping[str, Any]]]) -> WorldRequest:
    """What markers say together, the nearest one first, each by its arguments. Raises WorldImpossible."""
    fields: dict[str, Any] = {}
    for positional, named in markers:
        if positional:
            raise WorldImpossible(f"gpu_sim takes keywords only: gpu_sim(scenario={positional[0]!r})")
        for name in named:
            _check_name(name)
        fields = {**named, **fields}
    return wanted(**fields)


def wanted(
    scenario: object = DEFAULT_SCENARIO, seed: object = None, profile: object = None, step: object = None
) -> WorldRequest:
    """A world of these settings, each of the right kind. Raises WorldImpossible."""
    if not isinstance(scenario, str | Mapping | Path):
        raise WorldImpossible(f"scenario: expected a shipped name, a YAML file or a document, got {scenario!r}")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise WorldImpossible(f"seed: expected a whole number, got {seed!r}")
    if profile is not None and profile not in get_args(Profile):
        hint = did_you_mean(str(profile), get_args(Profile))
        raise WorldImpossible(f"profile: {profile!r} is not among {', '.join(get_args(Profile))}{hint}")
    try:
        stepped = span("step", step)
    except (TypeError, ValueError) as error:
        raise WorldImpossible(str(error)) from None
    meant = _plain(scenario) if isinstance(scenario, Mapping) else str(scenario)
    return WorldRequest(meant, seed, profile, stepped)  # type: ignore[arg-type]  # one of the profiles, as just seen


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it travels: JSON values and no others, money and instants as text."""
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document, enc_hook=_mapping))
    except RecursionError:
        raise WorldImpossible("scenario: the document contains itself, or is too deep") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise WorldImpossible(f"scenario: the document cannot be sent as JSON: {error}") from None
    return plain


def _mapping(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r:.80} is no JSON value")


def _check_name(name: str) -> None:
    known = list(signature(wanted).parameters)
    if name not in known:
        hint = did_you_mean(name, known) or f": it takes {', '.join(known)}"
        raise WorldImpossible(f'gpu_sim has no keyword "{name}"{hint}')


def clock_of(wanted: WorldRequest, document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The clock of the world: it moves when it is told to, or by steps where marker or scenario say so."""
    if wanted.step is not None:
        return {"mode": "manual", "step": wanted.step}
    own = document.get("clock") if document is not None else None
    if isinstance(own, Mapping) and own.get("mode") == "manual" and own.get("step") is not None:
        return {"mode": "manual", "step": own["step"]}
    return {"mode": "manual"}


def with_profile(scenario: str | Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """The scenario as a document that says which fields a rental has."""
    document = _as_document(scenario)
    api = document.get("api", {})
    if isinstance(api, Mapping):  # of anything else the server says what is wrong with it
        document["api"] = {**api, "profile": profile}
    return document


def _as_document(scenario: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(scenario, str):
        return {"name": "of-a-test", "extends": scenario}
    return dict(scenario)


def _without_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """The document to be shown: a served world makes tokens of its own."""
    accounts = document.get("accounts")
    if not isinstance(accounts, list):
        return document
    shown = [
        {name: value for name, value in account.items() if name != "token"} if isinstance(account, dict) else account
        for account in accounts
    ]
    return {**document, "accounts": shown}


def serve_line(wanted: WorldRequest, seed: int) -> str:
    """One line for a shell: a server whose world `default` is this one; a document's tokens are not shown."""
    prepare, scenario = "", wanted.scenario
    if isinstance(scenario, Mapping) or wanted.step is not None:
        document = _without_tokens(_as_document(scenario if wanted.file is None else wanted.file.name))
        if wanted.step is not None:
            document["clock"] = clock_of(wanted, None)
        content = json.dumps(document)
        # The name of what is in it: no file of anybody's is overwritten.
        name = f"gpu-sim-{blake2b(content.encode(), digest_size=4).hexdigest()}.yaml"
        scenario = name if wanted.file is None else str(wanted.file.with_name(name))  # it extends files beside it only
        prepare = f"printf '%s\\n' {shlex.quote(content)} > {shlex.quote(scenario)} && "
    words = ["gpu-sim", "serve", "--scenario", scenario, "--seed", str(seed)]
    if wanted.step is None:
        words += ["--clock", "manual"]
    if wanted.profile is not None:
        words += ["--profile", wanted.profile]
    return prepare + shlex.join(words)
