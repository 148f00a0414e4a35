"""The contract as an OpenAPI document and as a page: Swagger UI, served from the installation without a CDN.

The package `flask-swagger-ui` brings the files of Swagger UI; none of its code is imported.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ..openapi import load_contract
from .exchange import Exchange
from .problems import NotFound
from .replies import Reply

DOCS_PATH = "/docs"

_PAGE = b"""<!doctype html>
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
<p class="legend"><code>x-provenance</code> names the clause that a statement rests on: <b>F&hellip;</b> is documented
by the service, <b>A&hellip;</b> is an assumption of the simulator. <code>x-assumed</code> lists what is assumed about
something documented, <code>x-documented</code> what a fact adds; <code>x-injected</code> marks what only an injected
fault brings about. <a href="openapi.json">openapi.json</a></p>
<div id="viewer"></div>
<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""
_STYLE = b"body{margin:0}.legend{max-width:1420px;margin:1em auto 0;padding:0 20px;font:14px/1.5 sans-serif}\n"
_SCRIPT = b"""SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  defaultModelRendering: "model",
  validatorUrl: null
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
    "swagger-ui.css": b"text/css; charset=utf-8",
}
"""The page's files and their media types. Nothing else in the package's folder is served."""


async def page(exchange: Exchange) -> Reply:
    """Answer with the page; it needs no token."""
    headers = ((b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY))
    return Reply(200, _PAGE, headers)


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


async def openapi(exchange: Exchange) -> Reply:
    """Answer with the contract as OpenAPI 3.1, each statement with its `x-provenance`."""
    return Reply(200, _openapi_json(), ((b"content-type", b"application/json"),))


@cache
def _openapi_json() -> bytes:
    return msgspec.json.encode(load_contract())
