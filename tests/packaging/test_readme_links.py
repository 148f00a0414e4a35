"""The READMEs lead to each other: every link and anchor resolves, and the first page stays one to be read at once."""

from pathlib import Path

import pytest

from ..support.markdown import anchors_of, breaks_of, links_of
from ..support.readmes import PATHS, READMES, ROOT

PAGES = {**PATHS, "CHANGELOG.md": ROOT / "CHANGELOG.md"}


def test_the_first_page_has_ten_kilobytes_at_most() -> None:
    assert PATHS["README.md"].stat().st_size <= 10_240


@pytest.mark.parametrize(
    "name",
    [
        "simulator/README.md",
        "simulator/gpu_sim/README.md",
        "simulator/gpu_sim/api/README.md",
        "simulator/gpu_sim/worlds/README.md",
        "simulator/gpu_sim/testing/README.md",
        "simulator/gpu_sim/fidelity/README.md",
        "scenarios/README.md",
        "contract/README.md",
        "tests/README.md",
    ],
)
def test_the_first_page_leads_to_every_other_one(name: str) -> None:
    assert name in [link.path for link in links_of(READMES["README.md"])]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    assert breaks_of(PAGES[name], ROOT) == []


def test_anchors_are_those_of_github() -> None:
    page = """
# F… and A…
## `POST` requests/verify, in *full*
### CI, containers, load
## CI, containers, load
## Ci containers load-1
## The [API](api/README.md) ##
```sh
# no heading
```
"""
    assert anchors_of(page) == [
        "f-and-a",
        "post-requestsverify-in-full",
        "ci-containers-load",
        "ci-containers-load-1",
        "ci-containers-load-1-1",
        "the-api",
    ]


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# There\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](#here) [b](#gone) [`c`](other.md) [d](other.md#there) [e](other.md#gone) ![f](gone.png)\n"
        "[g](../outside.md) [h](https://example.org/#x) `[i](gone.md)`\n\n```sh\n[j](gone.md)\n```\n"
    )
    (tmp_path.parent / "outside.md").write_text("# Outside\n")
    assert breaks_of(page, tmp_path) == [
        "#gone: no such heading",
        "other.md#gone: no such heading",
        "gone.png: no such file",
        "../outside.md: no such file",
    ]


@pytest.mark.parametrize("text", ["[a][b]", "[a]: b.md", '<a href="b.md">', "[a](<b c.md>)", "[a [b] c](d.md)"])
def test_a_form_of_link_that_is_not_read_is_refused(text: str) -> None:
    with pytest.raises(AssertionError, match="unknown form of link"):
        links_of(f"# Here\n\n{text}\n")
