"""READMEs as the tests read them: fenced blocks, headings with their anchors, links."""

import re
from itertools import count
from pathlib import Path
from typing import NamedTuple

LANGUAGES = {"sh", "sh no-test", "text", "python", "yaml", "dockerfile", "js", "json"}
"""The languages of blocks: `sh` and `python` are run, and `text` is the output of the `sh` block above it."""

_LINK = re.compile(r"\[[^\[\]]*\]\(([^()\s]*)\)")
_CODE = re.compile(r"(`+).+?\1", re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its info string, its text, its line, the paragraph above it."""

    info: str
    text: str
    line: int
    above: str


class Link(NamedTuple):
    """A link or picture: a path relative to its page, empty for the page itself, and an anchor, empty without one."""

    path: str
    anchor: str


def blocks_of(markdown: str) -> list[Block]:
    """All fenced blocks. A fence that is not closed, or not plain, is refused."""
    found: list[Block] = []
    info, begun, body = None, 0, list[str]()
    lines = markdown.splitlines()
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith(("```", "~~~")):
            fence = re.fullmatch(r"```([a-z -]*)", line)
            assert fence, f"line {number}: an unknown form of fence: {line}"
            if info is None:
                info, begun, body = fence[1], number, []
            else:
                assert not fence[1], f"line {number}: a fence in a fence"
                above = "\n".join(lines[: begun - 1]).rstrip().rpartition("\n\n")[2]
                found.append(Block(info, "\n".join(body) + "\n", begun, above))
                info = None
        elif info is not None:
            body.append(line)
    assert info is None, f"line {begun}: the fence is not closed"
    return found


def check_forms(blocks: list[Block]) -> None:
    """Refuses a block of which it is not clear whether it is to be run, and output without a block that prints it."""
    before = None
    for block in blocks:
        assert block.info in LANGUAGES, f"line {block.line}: an unknown form of block: {block.info!r}"
        if block.info == "sh no-test":
            reason = block.above and not block.above.startswith(("#", "```", "|"))
            assert reason, f"line {block.line}: a block that is not run needs its reason above it"
        if block.info == "text":
            assert before == "sh", f"line {block.line}: no sh block comes before what is printed"
        before = block.info


def prose_of(markdown: str) -> str:
    """The page without its fenced blocks, line by line."""
    inside, kept = False, list[str]()
    for line in markdown.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def indented_blocks_of(markdown: str) -> list[str]:
    """The first lines of blocks without a fence, which would escape being run."""
    return re.findall(r"(?:\A|^[ \t]*\n)((?: {4}|\t).*\S.*)", prose_of(markdown), re.MULTILINE)


def anchors_of(markdown: str) -> list[str]:
    """The anchors of the headings, as GitHub makes them: in lower case, without punctuation, with hyphens for spaces,
    and with a number behind one that was there before."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose_of(markdown), re.MULTILINE):
        shown = _LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        numbered = (f"{anchor}-{number}" for number in count(1))
        found.append(anchor if anchor not in found else next(name for name in numbered if name not in found))
    return found


def links_of(markdown: str) -> list[Link]:
    """The links and pictures that stay within the repository. Forms that this does not read are refused."""
    prose = _CODE.sub("code", prose_of(markdown))
    for odd in (r"\]\[", r"^\[[^\]]+\]:", r"<a ", r"<img ", r"href="):
        assert not re.search(odd, prose, re.MULTILINE), f"an unknown form of link: {odd}"
    texts = _LINK.findall(re.sub(r"!\[[^\]]*\]\(", "[picture](", prose))
    assert len(texts) == prose.count("]("), "an unknown form of link"
    inner = (text for text in texts if not re.match(r"[a-z]+:", text))
    return [Link(path, anchor) for path, _, anchor in (text.partition("#") for text in inner)]


def breaks_of(page: Path, root: Path) -> list[str]:
    """The links of a page that lead nowhere, or to an anchor that its target has not."""
    broken = []
    for link in links_of(page.read_text(encoding="utf-8")):
        target = (page.parent / link.path).resolve() if link.path else page
        shown = f"{link.path}#{link.anchor}".removesuffix("#")
        if not target.exists() or not target.is_relative_to(root):
            broken.append(f"{shown}: no such file")
        elif link.anchor and (target.suffix != ".md" or link.anchor not in anchors_of(target.read_text("utf-8"))):
            broken.append(f"{shown}: no such heading")
    return broken
