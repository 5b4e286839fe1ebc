"""Ready pieces of code for a new key. All but the first name an environment variable instead of the secret."""

from __future__ import annotations

from msgspec import Struct

_FALLBACK = "http://127.0.0.1:8080"

_CURL = """\
curl -i -H "Authorization: Bearer ${variable}" \\
  "{url}"
"""

_PYTHON = """\
import os
import urllib.request

request = urllib.request.Request(
    "{url}",
    headers={{"Authorization": f"Bearer {{os.environ['{variable}']}}"}},
)
with urllib.request.urlopen(request) as response:
    print(response.status)
"""

_NGINX = """\
location /api/ {{
    auth_request /_keystile;
    proxy_pass   http://127.0.0.1:9000;
}}
location = /_keystile {{
    internal;
    proxy_pass              {authz};
    proxy_pass_request_body off;
    proxy_set_header        Content-Length "";
    proxy_set_header        X-Forwarded-For $remote_addr;
}}
"""


class Snippet(Struct, frozen=True):
    """One piece: `id` in the page, what it is, its text, what there is to know, and whether it holds the secret."""

    id: str
    title: str
    text: str
    note: str
    holds_secret: bool = False


def variable_of(prefix: str) -> str:
    """The environment variable that is proposed for keys with this prefix: `TOS_API_KEY` for `tos_`."""
    return f"{prefix.strip('_').upper()}_API_KEY"


def snippets(
    *, address: str | None, variable: str, secret: str, scope: str | None, sample: str | None
) -> list[Snippet]:
    """All of them. `address` is this server's, `scope` the first that the key holds, `sample` a path that it opens."""
    base = address or _FALLBACK
    authz = f"{base}/v1/authz" + (f"?scope={scope}" if scope else "")
    url = base + sample if sample else authz
    tries = "Asks a sample product." if sample else "Asks whether the key is let in. Put a product in its place."
    return [
        Snippet(
            "snippet-env",
            "Environment variable",
            f"{variable}={secret}\n",
            "The line of a .env file, with the secret. Keep that file out of version control.",
            holds_secret=True,
        ),
        Snippet("snippet-curl", "curl", _CURL.format(variable=variable, url=url), tries),
        Snippet("snippet-python", "Python", _PYTHON.format(variable=variable, url=url), tries),
        Snippet(
            "snippet-nginx",
            "nginx",
            _NGINX.format(authz=authz),
            "Lets nginx ask here before it passes a request on. The whole of it is in docs/integrations/nginx.md.",
        ),
    ]
