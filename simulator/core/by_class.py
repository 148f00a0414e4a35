"""A setting that each provider class may have of its own, and one for all that have none."""

from typing import Generic, TypeVar

from msgspec import Struct

from .catalog import ProviderClass

Setting = TypeVar("Setting")


class ByClass(Struct, Generic[Setting], frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is set for each provider class; `all` is for the classes not named."""

    marketplace: Setting | None = None
    neocloud: Setting | None = None
    hyperscaler: Setting | None = None
    exchange: Setting | None = None
    all: Setting | None = None

    def own(self, provider_class: ProviderClass) -> Setting | None:
        """What is set for this class alone; None where it is not named."""
        setting: Setting | None = getattr(self, provider_class)
        return setting

    def given(self, provider_class: ProviderClass) -> Setting | None:
        """What is set for this class, or for all; None where the default holds."""
        own = self.own(provider_class)
        return self.all if own is None else own
