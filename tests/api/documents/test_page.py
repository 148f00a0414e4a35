"""The contract as a page: all that it loads comes from the simulator."""

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from gpu_sim.api.auth import ControlAccess
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.openapi import load_contract

from ...support.asgi import ALICE, Answer, Api, scenario

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
    assert len(found) == 9
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


def test_the_viewer_reads_both_documents_of_this_server_and_shows_provenance(api: Api) -> None:
    script = api.call("GET", "/docs/page.js", token=None).body.decode()
    assert re.findall(r"url: \"(.*)\" \+ location.search", script) == ["openapi.json", "_sim/openapi.json"]
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
        "/docs/../page.py",
        "/docs/..%2fpage.py",
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


def test_it_opens_with_what_it_is_the_token_that_works_and_the_scenario_and_closes_with_provenance(api: Api) -> None:
    text = page(api).body.decode()
    places = [text.index(words) for words in ("simulates", ALICE, "_sim/scenario", 'id="viewer"', "x-provenance")]
    assert places == sorted(places)
    assert f'data-token="{ALICE}"' in text
    assert api.call("GET", "/v1/gpu/offers", token=ALICE).status == 200


@pytest.mark.parametrize("headers", [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")]])
def test_no_token_is_told_to_whom_the_control_plane_is_closed(api: Api, headers: list[tuple[str, str]]) -> None:
    for path in ("/docs", "/openapi.json"):
        answer = api.call("GET", path, token=None, headers=headers)
        assert answer.status == 200
        assert ALICE.encode() not in answer.body
    contract = api.call("GET", "/openapi.json", token=None, host="evil.example").json()
    assert contract == load_contract()


def test_off_loopback_the_admin_token_opens_it(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token="secret"))
    admin = [("x-sim-admin", "secret")]
    assert ALICE.encode() not in page(api).body
    assert ALICE.encode() in api.call("GET", "/docs", token=None, headers=admin).body


def test_names_are_text_in_the_page(runner: asyncio.Runner) -> None:
    token = '<b>&"'
    api = Api(runner, scenario(name="<i>", accounts=(AccountSpec("alice", token, Money(1_000_000)),)))
    text = page(api).body.decode()
    assert "<b>" not in text.replace("<b>F", "").replace("<b>A", "")
    assert "&lt;b&gt;&amp;&quot;" in text
    assert ">&lt;i&gt;</a>" in text


def test_the_document_says_that_its_example_token_works(api: Api) -> None:
    described = api.get("/openapi.json")["components"]["securitySchemes"]["bearer"]["description"]
    assert f"`{ALICE}`" in described
