"""Provisioning by parts: what comes one after the other until a GPU serves, and how much is fetched for it."""

from typing import Literal

from msgspec import Struct

from ..kernel.quantities import Size
from .distributions import Distribution

MEGABYTES_MAX = 10_000_000
"""Nothing larger is fetched."""

Phase = Literal["allocate", "boot", "pull", "weights", "fine_tuned"]
"""The phases of provisioning by parts, in their order; the API shows nothing of them (F11)."""


class PerGigabyte(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The time that each fetched gigabyte takes."""

    per_gb: Distribution
    """The time for each gigabyte."""


class Parts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The phases of provisioning that there are, in this order."""

    allocate: Distribution | None = None
    """A GPU is found."""
    boot: Distribution | None = None
    """The host or the container starts."""
    pull: PerGigabyte | None = None
    """The image is pulled."""
    weights: PerGigabyte | None = None
    """The model's weights are loaded."""
    fine_tuned: Distribution | None = None
    """A fine-tuned variant is set up, where one was asked for (F9)."""

    def __post_init__(self) -> None:
        if all(phase is None for phase in (self.allocate, self.boot, self.pull, self.weights)):
            raise ValueError("parts needs at least one of allocate, boot, pull and weights")

    def in_order(self) -> tuple[tuple[Phase, Distribution], ...]:
        """The phases that there are, each with its time, which is for each gigabyte where something is fetched."""
        pull, weights = (None if fetched is None else fetched.per_gb for fetched in (self.pull, self.weights))
        phases: tuple[tuple[Phase, Distribution | None], ...] = (
            ("allocate", self.allocate),
            ("boot", self.boot),
            ("pull", pull),
            ("weights", weights),
            ("fine_tuned", self.fine_tuned),
        )
        return tuple((phase, time) for phase, time in phases if time is not None)


class Sizes(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The sizes of images and of the weights of models. The defaults are those of a serving image and of a model with
    eight billion parameters of two bytes."""

    images: dict[str, Size] = {}
    """Images, by their exact `docker_image`."""
    models: dict[str, Size] = {}
    """The weights of models, by their exact `model_id`."""
    unlisted_image: Size = Size(9_000)
    """Any other image."""
    unlisted_model: Size = Size(16_000)
    """The weights of any other model."""

    def __post_init__(self) -> None:
        listed = (*self.images.values(), *self.models.values())
        if max(self.unlisted_image, self.unlisted_model, *listed) > MEGABYTES_MAX:
            raise ValueError(f"sizes must be at most {MEGABYTES_MAX // 1_000}GB")

    def of_image(self, docker_image: str) -> Size:
        """The size of a container image, which is pulled."""
        return self.images.get(docker_image, self.unlisted_image)

    def of_model(self, model_id: str) -> Size:
        """The size of a model's weights, which are loaded."""
        return self.models.get(model_id, self.unlisted_model)
