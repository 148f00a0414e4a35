"""The request for a test's world, as its marker says it, and a command that makes such a world again."""

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
"""The scenario of a test that names none: nothing moves by itself in it."""

Profile = Literal["extended", "documented"]


class WorldImpossible(ValueError):  # named as the refusals are: by what it says
    """No such world can be asked for; the message names the field."""


class WorldRequest(Struct, frozen=True):
    """The world that a test asks for. Where a field is None the scenario decides."""

    scenario: str | Mapping[str, Any] = DEFAULT_SCENARIO
    """A shipped scenario, a YAML file, or a document."""
    seed: int | None = None
    profile: Profile | None = None
    step: str | None = None
    """The duration by which the clock moves before each request to the API, such as `5s`."""

    @property
    def file(self) -> Path | None:
        """The scenario's file, or None for a shipped scenario or a document."""
        if not isinstance(self.scenario, str):
            return None
        path = Path(self.scenario)
        return path if path.suffix in (".yaml", ".yml") or len(path.parts) > 1 else None

    def found_in(self, *folders: Path) -> "WorldRequest":
        """The same request, its file looked up in these folders, the first one first."""
        if self.file is None:
            return self
        there = [str(path) for folder in folders if (path := folder / self.file).is_file()]
        return replace(self, scenario=there[0]) if there else self


def request_from_markers(markers: Iterable[tuple[tuple[object, ...], Mapping[str, Any]]]) -> WorldRequest:
    """Merge markers, given by their arguments: the nearest comes first and wins. Raises WorldImpossible."""
    fields: dict[str, Any] = {}
    for positional, named in markers:
        if positional:
            raise WorldImpossible(f"gpu_sim takes keywords only: gpu_sim(scenario={positional[0]!r})")
        for name in named:
            _check_name(name)
        fields = {**named, **fields}
    return checked_request(**fields)


def checked_request(
    scenario: object = DEFAULT_SCENARIO, seed: object = None, profile: object = None, step: object = None
) -> WorldRequest:
    """A request with these settings, each checked. Raises WorldImpossible."""
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
    given = _plain(scenario) if isinstance(scenario, Mapping) else str(scenario)
    return WorldRequest(given, seed, profile, stepped)  # type: ignore[arg-type]  # one of the profiles, as just seen


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
    known = list(signature(checked_request).parameters)
    if name not in known:
        hint = did_you_mean(name, known) or f": it takes {', '.join(known)}"
        raise WorldImpossible(f'gpu_sim has no keyword "{name}"{hint}')


def clock_of(request: WorldRequest, document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The clock of the world: manual, and with a step where marker or scenario give one."""
    if request.step is not None:
        return {"mode": "manual", "step": request.step}
    # The scenario's mode is not taken over: under a clock that runs, a test would depend on the speed of the machine.
    own = document.get("clock") if document is not None else None
    if isinstance(own, Mapping) and own.get("mode") == "manual" and own.get("step") is not None:
        return {"mode": "manual", "step": own["step"]}
    return {"mode": "manual"}


def with_profile(scenario: str | Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """The scenario as a document that says which fields a rental has."""
    document = _as_document(scenario)
    api = document.get("api", {})
    if isinstance(api, Mapping):  # the server refuses anything else, with a reason
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


def serve_line(request: WorldRequest, seed: int) -> str:
    """One line for a shell: a server whose world `default` is this one; a document's tokens are not shown."""
    prepare, scenario = "", request.scenario
    if isinstance(scenario, Mapping) or request.step is not None:
        document = _without_tokens(_as_document(scenario if request.file is None else request.file.name))
        if request.step is not None:
            document["clock"] = clock_of(request, None)
        content = json.dumps(document)
        # The name is a hash of the content, so that no other file is overwritten.
        name = f"gpu-sim-{blake2b(content.encode(), digest_size=4).hexdigest()}.yaml"
        scenario = (
            name if request.file is None else str(request.file.with_name(name))
        )  # it extends files beside it only
        prepare = f"printf '%s\\n' {shlex.quote(content)} > {shlex.quote(scenario)} && "
    arguments = ["gpu-sim", "serve", "--scenario", scenario, "--seed", str(seed)]
    if request.step is None:
        arguments += ["--clock", "manual"]
    if request.profile is not None:
        arguments += ["--profile", request.profile]
    return prepare + shlex.join(arguments)
