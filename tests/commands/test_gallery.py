"""The pictures of the gallery of markets: `python -m tests.commands.gallery`."""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from gpu_sim.shipped_files import folder
from PIL import Image

from . import gallery

BYTES_MAX = 20_000
BLUE, GREY = (0, 114, 178), (228, 228, 228)


def colors(png: bytes) -> dict[tuple[int, ...], int]:
    """The number of pixels of each colour."""
    found = Image.open(BytesIO(png)).convert("RGB").getcolors(1 << 20)
    assert found is not None
    return {color: count for count, color in found if isinstance(color, tuple)}


def test_there_is_a_picture_of_each_scenario_of_the_gallery_and_of_no_other() -> None:
    assert sorted(path.name for path in gallery.PICTURES.iterdir()) == sorted(f"{name}.png" for name in gallery.DAYS)


@pytest.mark.parametrize("name", gallery.DAYS)
def test_a_picture_is_small_and_shown(name: str) -> None:
    png = (gallery.PICTURES / f"{name}.png").read_bytes()
    assert len(png) <= BYTES_MAX
    assert min(colors(png)[BLUE], colors(png)[GREY]) > 100
    assert f"](pictures/{name}.png)" in (folder("scenarios") / "README.md").read_text()


@pytest.mark.parametrize("name", gallery.DAYS)
def test_a_picture_shows_what_its_market_does_now(name: str) -> None:
    png = (gallery.PICTURES / f"{name}.png").read_bytes()
    assert gallery.digest_in(png) == gallery.look_at(name).digest, "python -m tests.commands.gallery draws it anew"


def test_the_command_draws_what_is_asked_for_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = []
    for attempt in ("first", "second"):
        out = tmp_path / attempt
        monkeypatch.setattr(sys, "argv", ["gallery", "flapping-offer", "--out", str(out)])
        gallery.main()
        [path] = out.iterdir()
        assert path.name == "flapping-offer.png"
        assert str(path) in capsys.readouterr().out
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1]
    with Image.open(BytesIO(drawn[0])) as image:
        assert image.size == (720, 230)
    assert colors(drawn[0])[BLUE] > 10 * colors(drawn[0])[GREY] > 1_000


def test_the_command_turns_down_what_is_not_of_the_gallery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gallery", "calm", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        gallery.main()
    assert "calm: not of the gallery" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_drawn_is_what_can_be_had_and_what_it_costs() -> None:
    seen = gallery.look_at("regional-outage")
    gone = [spec.region.startswith("us-east-1") for spec in seen.specs]
    during = slice(9 * gallery.LOOKS // 24, 15 * gallery.LOOKS // 24)
    assert not seen.up[gone, during].any()
    assert seen.up[gone, during.stop].all()
    assert seen.up[~np.array(gone), during].mean() > 0.85
    friday = gallery.look_at("black-friday")
    classes = [spec.provider_class for spec in friday.specs]
    assert (classes[0], classes[-1], len(classes)) == ("marketplace", "exchange", 79)
    at_cap = np.nanmin(friday.ratios, axis=0) == 1.0
    assert np.flatnonzero(at_cap).tolist() == list(range(gallery.LOOKS // 6, gallery.LOOKS * 5 // 6))
    assert np.isnan(friday.ratios).any()
