"""The documents as a page: Swagger UI, served from the installation without a CDN; and the API's own document.

The package `flask-swagger-ui` brings the files of Swagger UI; none of its code is imported.
"""

from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from ...openapi import load_contract
from ...worlds.world import World
from ..auth import ControlAccess, guard_control
from ..exchange import Exchange
from ..fields import parse_query
from ..problems import ControlRefused, NotFound
from ..replies import Reply, json_reply
from .api_document import with_names
from .example_names import ExampleNames, example_names

DOCS_PATH = "/docs"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GPU rental API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div class="words">
<h1>GPU rental API, simulated</h1>
<p>This server simulates a service that rents out spot GPUs. Nothing here is real and nothing costs money: every call
can be tried, with <i>Try it out</i> and <i>Execute</i>.</p>
{world}
<p>There are two documents, chosen at the top: the API that clients use, and the control plane, by which tests and
operators drive the simulator.</p>
</div>
<div id="viewer"{token}></div>
<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> and
<a href="_sim/openapi.json">_sim/openapi.json</a> do not.</noscript>
<p class="words"><code>x-provenance</code> names the clause that a statement about the API rests on: <b>F&hellip;</b> is
documented by the service, <b>A&hellip;</b> is an assumption of the simulator. <code>x-assumed</code> lists what is
assumed about something documented, <code>x-documented</code> what a fact adds; <code>x-injected</code> marks what only
an injected fault brings about.</p>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/swagger-ui-standalone-preset.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""
_WORLD = """<p>The token <code>{token}</code> works here and is filled in: it is that of the account
<code>{account}</code> in the world <code>{world}</code>, which runs the scenario
<a href="_sim/scenario{query}">{scenario}</a>.</p>"""
_NO_WORLD = """<p>Fill in the token of an account under <i>Authorize</i>. The control plane lists them, which is
closed to this request: it wants to be called from the server's machine, or with the admin token.</p>"""
_STYLE = b".words{max-width:1420px;margin:1em auto 0;padding:0 20px;font:14px/1.5 sans-serif}body{margin:0}\n"
_SCRIPT = b"""const viewer = document.querySelector("#viewer"), token = viewer.dataset.token;
const ui = SwaggerUIBundle({
  urls: [
    { name: "API", url: "openapi.json" + location.search },
    { name: "Control plane", url: "_sim/openapi.json" + location.search }
  ],
  domNode: viewer,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "StandaloneLayout",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  defaultModelRendering: "model",
  validatorUrl: null,
  onComplete: () => token && ui.preauthorizeApiKey("bearer", token)
});
"""
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of the page: all comes from this server. The viewer writes styles into its elements, hence
`unsafe-inline` for styles."""

_OURS = {"page.css": _STYLE, "page.js": _SCRIPT}
_MEDIA = {
    "favicon-32x32.png": b"image/png",
    "page.css": b"text/css; charset=utf-8",
    "page.js": b"text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
}
"""The page's files and their media types. Nothing else in the package's folder is served."""


class DocsPage:
    """The page and the API's document, both for the world that `?world=` names, or else for `default`.

    They name a token, so only to whom the control plane would tell it: to others they say what the contract says.
    """

    def __init__(self, access: ControlAccess) -> None:
        self._access = access

    async def page(self, exchange: Exchange) -> Reply:
        """Answer with the page; it needs no token. Raises NotFound for a world that there is not."""
        world, names = self._names(exchange)
        headers = ((b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY))
        if names is None or not names.token:
            return Reply(200, _PAGE.format(world=_NO_WORLD, token="").encode(), headers)  # there is none
        token = escape(names.token)
        said = _WORLD.format(
            token=token,
            account=escape(names.account),
            world=escape(world.name),
            scenario=escape(world.scenario.name),
            query=f"?world={quote(world.name)}",
        )
        return Reply(200, _PAGE.format(world=said, token=f' data-token="{token}"').encode(), headers)

    async def openapi(self, exchange: Exchange) -> Reply:
        """Answer with the contract as OpenAPI 3.1, each statement with its `x-provenance`. Raises NotFound for a world
        that there is not."""
        _, names = self._names(exchange)
        contract = _contract()
        return json_reply(200, contract if names is None else with_names(contract, names))

    def _names(self, exchange: Exchange) -> tuple[World, ExampleNames | None]:
        """The world that a request is about, and the names in it, if the request may know them."""
        wanted = parse_query(exchange.scope["query_string"], ("world",), refuse_unknown=False).get("world")
        if wanted is not None and wanted not in exchange.worlds.by_name:
            raise NotFound(f'there is no world "{wanted[:256]}"', param="world")
        world = exchange.world if wanted is None else exchange.worlds.find(wanted)
        try:
            guard_control(exchange.scope, self._access)
        except ControlRefused:
            return world, None
        return world, example_names(exchange, world)


async def asset(exchange: Exchange) -> Reply:
    """Answer with a file of the page. Raises NotFound for any other name."""
    name: str = exchange.scope["path_params"]["name"]
    media = _MEDIA.get(name)
    if media is None:
        raise NotFound(f'the page has no file "{name[:256]}"')
    return Reply(200, _content(name), ((b"content-type", media),))


@cache
def _content(name: str) -> bytes:
    """The bytes of one of the page's files."""
    return _OURS[name] if name in _OURS else (_viewer() / name).read_bytes()


def _viewer() -> Path:
    """The folder of Swagger UI, found without importing the package around it."""
    spec = find_spec("flask_swagger_ui")
    assert spec is not None, "an installation has its dependencies"
    assert spec.origin is not None, "a package with an __init__"
    return Path(spec.origin).with_name("dist")


_contract = cache(load_contract)
