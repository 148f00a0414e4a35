"""What the pictures of a market have in common: a drawing as PNG, its colours and its axes. Drawn without a display."""

from io import BytesIO
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from msgspec import Struct

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#b8a900",
    "#6b6b6b",
)
"""The colours of Okabe and Ito, which colour-blind people tell apart; the yellow is darker, to be seen on white."""

Part = Literal["guess", "answer", "zones", "offers"]
"""Where on the page a picture belongs: the two rasters without labels and with them, what is measured of the recorded
zones beside the played ones, or what the scenario's own offers do."""

_DPI = 110


class Picture(Struct, frozen=True):
    """A drawing as PNG, with the name of its file, what it shows, and a sentence on how to read it."""

    name: str
    title: str
    text: str
    png: bytes
    part: Part = "offers"


def style(axes: Axes, title: str, x: str, y: str) -> None:
    """Titles, quiet lines and no frame."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def png_of(figure: Figure) -> bytes:
    """The drawing as a PNG that holds nothing of when or by what it was made."""
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
