"""Schemathesis requests from the OpenAPI document alone: `python -m tests.commands.fuzz_contract --cases 10000`.

It needs the extra `fuzz`. A server of its own serves the contract's scenario; rounds with another seed each go on until
there were so many cases. What no schema can say is put into the document that is used: which names there are, and that
2.0 is no number of GPUs. So a body that is valid by it and refused as malformed is a failure. Of injected faults only
those are asked for that leave the answer as it is, and only what the API itself says is taken for documented. Exit code
0 means that nothing failed, 1 that something did, 2 that it could not be tried.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import yaml

from contract.document.fault_markers import without_fault_statements

from ..support import loopback
from ..support.processes import ROOT, environment, serving

CONTRACT = ROOT / "contract"
ROUND_SECONDS_MAX = 900
ROUNDS_MAX = 50
CREDIT = "100000000.00"
CAPACITY = 1_000_000
REQUESTS_KEPT = "100000"
GPU_COUNTS = [1, 2, 3, 8, 1000, 10**18]
HARMLESS = ["delay=1ms", "drip=4096/1ms", "delay=1ms; clock=virtual"]
"""Effects after which a request is answered as without them, if later."""


@dataclass
class Tally:
    """The totals of all rounds: requests sent and failures found."""

    rounds: int = 0
    cases: int = 0
    failures: int = 0
    without_checks: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, report: dict[str, Any], statuses: Counter[str]) -> None:
        """Count a round. What could not be carried out has failed, and so has a phase that was left out."""
        counted = report["test_cases"]
        self.rounds += 1
        self.cases += counted["generated"]
        self.without_checks += counted["without_checks"]
        self.failures += counted["unique_failures"] + len(report["errors"])
        self.failures += sum(phase["status"] not in ("success", "failure") for phase in report["phases"].values())
        self.failures += report["operations"]["selected"] - report["operations"]["tested"]
        self.statuses += statuses

    def __str__(self) -> str:
        answered = ", ".join(f"{name} {count}" for name, count in sorted(self.statuses.items()))
        return (
            f"{self.cases} cases in {self.rounds} rounds, {self.failures} failures "
            f"({self.without_checks} cases without a check)\nanswers: {answered}"
        )


def with_names(document: dict[str, Any], offers: list[dict[str, Any]]) -> dict[str, Any]:
    """The document with names that a server offers in place of any text; the one given is changed.

    They are those of the place that has the most offers, and another provider, so that half of the combinations exist.
    """
    places = Counter((offer["provider_id"], offer["region"]) for offer in offers)
    (provider, region), _ = places.most_common(1)[0]
    elsewhere = next(offer["provider_id"] for offer in offers if offer["provider_id"] != provider)
    models = {offer["gpu_model"] for offer in offers if (offer["provider_id"], offer["region"]) == (provider, region)}
    fields = document["components"]["schemas"]["RentRequest"]["properties"]
    fields["gpu_model"] = {"type": "string", "enum": sorted(models)}
    fields["provider_id"] = {"type": "string", "enum": [provider, elsewhere]}
    fields["region"] = {"type": "string", "enum": [region]}
    fields["gpu_count"] = {"type": "integer", "enum": GPU_COUNTS}
    media = document["components"]["requestBodies"]["Rent"]["content"]["application/json"]
    for example in media["examples"].values():
        example["value"] |= {"gpu_model": min(models), "provider_id": provider, "region": region}
    return document


def with_harmless_faults(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the answers that only a fault can give, and with effects that give none; the one given is
    not changed."""
    left = without_fault_statements(document)
    effect = left["components"]["parameters"]["Effect"]
    effect["schema"] = {"type": "string", "enum": HARMLESS, "examples": HARMLESS}
    return left


def fuzz(cases: int, seed: int) -> Tally:
    """Rounds of requests against one server until there were so many cases or something failed."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--scenario", str(CONTRACT / "scenario.yaml"), "--clock", "manual", "--request-log", REQUESTS_KEPT]
        with serving(folder / "ready.json", *options) as server:
            token = str(server.ready["token"])
            headers = {"authorization": f"Bearer {token}"}
            with loopback.Client(base_url=server.url, headers=headers, timeout=60) as client:
                document = yaml.safe_load((CONTRACT / "openapi.yaml").read_text(encoding="utf-8"))
                offers = client.get("/v1/gpu/offers").raise_for_status().json()["data"]
                document = with_harmless_faults(with_names(document, offers))
                (folder / "openapi.json").write_text(json.dumps(document))
                while tally.cases < cases and not tally.failures and tally.rounds < ROUNDS_MAX:
                    _start_over(client)
                    report = _round(folder, server.url, token, seed + tally.rounds)
                    tally.add(report, _answers(client))
    return tally


def _start_over(client: httpx.Client) -> None:
    """A fresh world with credit and GPUs for all that comes: Schemathesis sends histories again to vary them, and ends
    its stateful phase without a word once one that went well is refused the next time."""
    client.post("/_sim/reset").raise_for_status()
    client.post("/_sim/accounts/alice/credit", json={"amount": CREDIT}).raise_for_status()
    client.post("/_sim/market/capacity", json={"set": CAPACITY}).raise_for_status()


def _round(folder: Path, url: str, token: str, seed: int) -> dict[str, Any]:
    """One run of Schemathesis, whose words go to the terminal; its report."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONTRACT / "schemathesis.toml"), "run"]
    command += [str(folder / "openapi.json"), "--seed", str(seed), "--no-color", "--report-json-path", str(report)]
    env = environment(GPU_SIM_FUZZ_URL=url, GPU_SIM_FUZZ_TOKEN=token)
    subprocess.run(command, check=False, cwd=folder, env=env, timeout=ROUND_SECONDS_MAX)
    if not report.exists():
        raise RuntimeError("Schemathesis gave no report")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _answers(client: httpx.Client) -> Counter[str]:
    """The numbers of answers of the server in this round, by operation and status."""
    logged = client.get("/_sim/requests", params={"limit": REQUESTS_KEPT}).raise_for_status().json()["data"]
    return Counter(f"{request['operation'] or 'elsewhere'} {request['status']}" for request in logged)


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many cases at least, 10000 by default")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first round, 1 by default")
    options = parser.parse_args()
    if find_spec("schemathesis") is None:
        print("the extra is missing: pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    tally = fuzz(options.cases, options.seed)
    print(tally)
    return 0 if not tally.failures and tally.cases >= options.cases else 1


if __name__ == "__main__":
    sys.exit(main())
