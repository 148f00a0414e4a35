"""How hard the generated tests try.

`dev` and `ci` try the same few or many examples every time and stop at the first failure. `deep` tries very many,
others each time, and then looks for the shortest way to the failure, which over HTTP takes minutes.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import InvalidArgument

_COMMON = settings(
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
PROFILES = {
    "dev": settings(_COMMON, max_examples=15, stateful_step_count=25, derandomize=True),
    "ci": settings(_COMMON, max_examples=100, stateful_step_count=40, derandomize=True),
    "deep": settings(_COMMON, max_examples=3000, stateful_step_count=60, phases=[*_COMMON.phases, Phase.shrink]),
}


def register_profiles() -> None:
    """Make the names known to `--hypothesis-profile`, where nobody else has taken them."""
    for name, profile in PROFILES.items():
        try:
            settings.get_profile(name)
        except InvalidArgument:
            settings.register_profile(name, profile)
