"""The profiles of the suite: the number of examples that each generated test tries.

`dev` and `ci` try the same examples every time, few or many. `deep` tries very many, others each time; over HTTP that
takes minutes. `live` is for a real service: few examples, and none that could cost money. A failing example is shrunk,
except the long histories of the state machine (`shortest_histories_first`).
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import InvalidArgument

_COMMON = settings(
    deadline=None,  # the time of an exchange over HTTP says nothing about a clause
    database=None,  # a failure found earlier would be tried first, and two runs would differ
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
LIVE = "live"
PROFILES = {
    "dev": settings(_COMMON, max_examples=15, stateful_step_count=25, derandomize=True),
    "ci": settings(_COMMON, max_examples=100, stateful_step_count=40, derandomize=True),
    "deep": settings(_COMMON, max_examples=3000, stateful_step_count=60),
    LIVE: settings(_COMMON, max_examples=5, derandomize=True, phases=[Phase.explicit, Phase.generate]),
}
_SHORT_HISTORY_STEPS = (3, 10)
"""Steps of the short histories that are tried before those of full length."""


def shortest_histories_first(profile: settings) -> list[settings]:
    """Settings for the state machine, shortest histories first: a defect that a short one shows is reported by that
    one, shrunk further. A failing history of full length is reported as it is: shrinking it takes minutes over HTTP."""
    short = [
        settings(profile, stateful_step_count=steps, max_examples=max(5, profile.max_examples // 4))
        for steps in _SHORT_HISTORY_STEPS
    ]
    return [*short, settings(profile, phases=[Phase.explicit, Phase.generate])]


def register_profiles() -> None:
    """Make the profiles known to `--hypothesis-profile`, except where a profile of that name exists already."""
    for name, profile in PROFILES.items():
        try:
            settings.get_profile(name)
        except InvalidArgument:
            settings.register_profile(name, profile)
