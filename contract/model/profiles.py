"""How hard the generated tests try.

`dev` and `ci` try the same few or many examples every time. `deep` tries very many, others each time, which over HTTP
takes minutes. `live` is for a real service: few, and never one that could cost money. A failing example is made
smaller, but for the longer histories of the state machine (`shortest_histories_first`).
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import InvalidArgument

_COMMON = settings(
    deadline=None,
    database=None,
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
    """Settings for the state machine, shortest histories first: whatever fails in a short one is told by it, made
    smaller still. Those of full length are told as they are, which spares minutes of trying over HTTP."""
    short = [
        settings(profile, stateful_step_count=steps, max_examples=max(5, profile.max_examples // 4))
        for steps in _SHORT_HISTORY_STEPS
    ]
    return [*short, settings(profile, phases=[Phase.explicit, Phase.generate])]


def register_profiles() -> None:
    """Make the names known to `--hypothesis-profile`, where nobody else has taken them."""
    for name, profile in PROFILES.items():
        try:
            settings.get_profile(name)
        except InvalidArgument:
            settings.register_profile(name, profile)
