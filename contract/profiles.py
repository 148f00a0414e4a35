"""How many examples the generated tests try: `dev` a few, `ci` always the same ones, `deep` many."""

from hypothesis import HealthCheck, settings
from hypothesis.errors import InvalidArgument

_COMMON = settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
PROFILES = {
    "dev": settings(_COMMON, max_examples=15, stateful_step_count=25),
    "ci": settings(_COMMON, max_examples=120, stateful_step_count=40, derandomize=True),
    "deep": settings(_COMMON, max_examples=3000, stateful_step_count=60),
}


def register_profiles() -> None:
    """Make the names known to `--hypothesis-profile`, where nobody else has taken them."""
    for name, profile in PROFILES.items():
        try:
            settings.get_profile(name)
        except InvalidArgument:
            settings.register_profile(name, profile)
