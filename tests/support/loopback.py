"""httpx for servers of this machine: the certificates of all authorities are not loaded for each call, which takes far
longer than most calls."""

import ssl
from functools import partial

import httpx

_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Client = partial(httpx.Client, verify=_TRUSTS_NOBODY)
AsyncClient = partial(httpx.AsyncClient, verify=_TRUSTS_NOBODY)
request = partial(httpx.request, verify=_TRUSTS_NOBODY)
get = partial(httpx.get, verify=_TRUSTS_NOBODY)
post = partial(httpx.post, verify=_TRUSTS_NOBODY)
put = partial(httpx.put, verify=_TRUSTS_NOBODY)
delete = partial(httpx.delete, verify=_TRUSTS_NOBODY)
options = partial(httpx.options, verify=_TRUSTS_NOBODY)
