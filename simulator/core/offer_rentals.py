"""What concerns an offer and its rentals together: a rent that can be, provisioning terms, GPUs taken back."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from .catalog import PROVIDER_CLASSES
from .commands import RentGpu
from .market_settings import ProvisioningSettings
from .offers import Offer
from .quantities import Share


class Reclaimed(Struct, frozen=True, gc=False):
    """GPUs that the market took back, until they are on offer again."""

    offer: Offer
    gpu_count: int


class RentPlan(Struct, frozen=True, gc=False):
    """What a rent that nothing speaks against will do."""

    command: RentGpu
    offer: Offer
    hold_micros: int


Terms = tuple[Callable[[int], int], Share]
"""What turns a draw into a provisioning delay in ms, and the share that fails."""


def terms_by_class(settings: ProvisioningSettings) -> Mapping[str, Terms]:
    """The terms of provisioning of each provider class."""
    terms: dict[str, Terms] = {}
    for provider_class in PROVIDER_CLASSES:
        delay, failure = settings.terms(provider_class)
        terms[provider_class] = delay.sampler(), failure
    return terms
