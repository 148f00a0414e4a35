"""The contract as a page: all that it loads comes from the simulator."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from ..support.asgi import Answer, Api

PAGE = "http://127.0.0.1:4780/docs"


class Links(HTMLParser):
    """The addresses in a page: those that a browser loads by itself, and those that it follows."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src", "srcset", "action") and value]


def page(api: Api) -> Answer:
    """The page, fetched without a token."""
    return api.call("GET", "/docs", token=None)


def named(answer: Answer) -> list[str]:
    """The addresses in the page, resolved as a browser resolves them."""
    links = Links()
    links.feed(answer.body.decode())
    return sorted({urljoin(PAGE, link) for link in links.found})


def test_the_page_is_there_for_anybody(api: Api) -> None:
    with api.unchanged():
        answer = page(api)
    assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
    assert b"swagger-ui-bundle.js" in answer.body


def test_everything_that_the_page_names_is_served_here_to_anybody(api: Api) -> None:
    found = named(page(api))
    assert len(found) == 6
    for address in found:
        assert address.startswith("http://127.0.0.1:4780/")
        answer = api.call("GET", address.removeprefix("http://127.0.0.1:4780"), token=None)
        assert answer.status == 200
        assert answer.header("content-type") is not None
        assert answer.body


def test_a_browser_may_load_nothing_from_elsewhere(api: Api) -> None:
    policy = page(api).header("content-security-policy")
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert {source for sources in directives.values() for source in sources.split()} == {
        "'none'",
        "'self'",
        "'unsafe-inline'",
        "data:",
    }
    assert "'unsafe-inline'" not in directives["script-src"]


@pytest.mark.parametrize("name", ["page.css", "swagger-ui.css"])
def test_the_styles_load_nothing_else(api: Api, name: str) -> None:
    text = api.call("GET", f"/docs/{name}", token=None).body.decode()
    assert "@import" not in text
    assert all(target.startswith("data:") for target in re.findall(r"url\([\"']?([^)\"']*)", text))


def test_the_viewer_reads_the_document_of_this_server_and_shows_provenance(api: Api) -> None:
    script = api.call("GET", "/docs/page.js", token=None).body.decode()
    assert re.findall(r"url: \"(.*)\"", script) == ["openapi.json"]
    assert "showExtensions: true" in script
    assert "validatorUrl: null" in script
    assert "://" not in script


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui.css", "/docs/page.js"])
def test_head_is_answered_as_get_without_the_body(api: Api, path: str) -> None:
    got, head = api.call("GET", path, token=None), api.call("HEAD", path, token=None)
    assert head.status == 200
    assert head.header("content-length") == str(len(got.body))
    api.call("POST", path, {}, token=None).refused(405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/index.html",
        "/docs/LICENSE",
        "/docs/page.js/",
        "/docs/x/page.js",
        "/docs/..",
        "/docs/../docs_page.py",
        "/docs/..%2fdocs_page.py",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/%2fetc%2fpasswd",
        "/docs/..%5cLICENSE",
        "/docs/page.js%00",
        "/docs//etc/passwd",
    ],
)
def test_there_is_no_other_file(api: Api, path: str) -> None:
    with api.unchanged():
        api.call("GET", path, token=None).refused(404, "not_found")


def test_a_long_name_is_cut_in_the_message(api: Api) -> None:
    answer = api.call("GET", "/docs/" + "x" * 60_000, token=None)
    assert len(answer.refused(404, "not_found")["message"]) < 300
