"""The names of metrics as expectations and objectives write them, checked against a scenario."""

from typing import NamedTuple

from ....core.kernel.names import did_you_mean, nearest
from ....core.scenario.experiment.renters import RenterSpec
from ....core.scenario.market_settings import opening_offers
from ....core.scenario.scenario import Scenario
from ..metric_table import BY_NAME, REFUSAL_CODES, REFUSALS
from ..metrics import TOTAL, metrics_about


class MetricName(NamedTuple):
    """A metric of the total, a renter, a provider or an offer; `code` is that of a metric of one code's refusals."""

    about: str
    metric: str
    code: str = ""

    @property
    def has_course(self) -> bool:
        """True if its value is known at each instant."""
        return bool(self.code) or BY_NAME[self.metric].has_course

    @property
    def may_lack(self) -> bool:
        """True if all bounds are kept where it has no value."""
        return not self.code and BY_NAME[self.metric].may_lack


def metric_name(scenario: Scenario, text: str) -> MetricName | str:
    """The metric of that name that runs of the scenario have, or the problem with the name, and the nearest one."""
    about, of_code, code = text.rpartition(f".{REFUSALS}")
    if not of_code:
        about, _, metric = text.rpartition(".")
    specs = _abouts(scenario)
    problem = f'no run of this scenario has a metric "{text}"'
    if not about:
        return f"{problem}: a name is such as {TOTAL}.cost_usd"
    if about not in specs:
        return f"{problem}{_near_about(about, REFUSALS + code if of_code else metric, specs)}"
    if of_code:
        near = did_you_mean(code, REFUSAL_CODES)
        known = code in REFUSAL_CODES
        return MetricName(about, REFUSALS + code, code) if known else f'no request is refused with "{code}"{near}'
    names = [each.name for each in metrics_about(scenario, about, specs[about])]
    if metric in names:
        return MetricName(about, metric)
    close = nearest(metric, BY_NAME)
    if close is not None and close not in names:
        return f"{problem}: {about} has no {close}"
    return problem + (f'; did you mean "{about}.{close}"?' if close else "")


def with_course(scenario: Scenario, about: str) -> list[str]:
    """The metrics of it whose value is known at each instant, without their beginning."""
    return [metric.name for metric in metrics_about(scenario, about, _abouts(scenario)[about]) if metric.has_course]


def _abouts(scenario: Scenario) -> dict[str, RenterSpec | None]:
    """The names that the metrics of a scenario are about, each with the entry of its renter if it is one's."""
    specs: dict[str, RenterSpec | None] = {TOTAL: None}
    for spec in scenario.renters:
        specs |= dict.fromkeys((f"renters.{spec.name}", *(f"renters.{name}" for name in spec.accounts)), spec)
    for offer in opening_offers(scenario.market):
        specs |= {f"providers.{offer.provider_id}": None, f"offers.{offer.name}": None}
    return specs


def _near_about(about: str, metric: str, specs: dict[str, RenterSpec | None]) -> str:
    """A clause with the same metric of what is named most like this."""
    # Of the same kind if any is, since the nearest is looked for among a few hundred.
    kind = about.partition(".")[0]
    alike = [name for name in specs if name.partition(".")[0] == kind] or [*specs]
    close = nearest(about, alike)
    return "" if close is None else f'; did you mean "{close}.{metric}"?'
