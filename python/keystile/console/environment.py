"""The templates: everything escaped, nothing undefined, no character that hides."""

from __future__ import annotations

import json
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import assets, charts, format  # noqa: A004 -- named for what it does; the built-in is not used here

# htmx under a strict policy: no inline styles, no evaluated code, no scripts out of answers; and no copy of a page,
# which may show a secret, in the browser's storage. A 422 is a form with what is wrong in it, and is shown.
_HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "historyCacheSize": 0,
    "historyRestoreAsHxRequest": False,
    "includeIndicatorStyles": False,
    "refreshOnHistoryMiss": True,
    "selfRequestsOnly": True,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}

_FILTERS = ("ago", "as_typed", "day", "moment", "number", "percent", "short_number", "shown")


@cache
def environment() -> Environment:
    """The environment of all pages; made once."""
    made = Environment(
        autoescape=True,
        auto_reload=False,
        cache_size=-1,
        finalize=format.visible,
        loader=PackageLoader(__package__),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update({name: getattr(format, name) for name in _FILTERS})
    made.globals.update(asset=assets.url_of, htmx_config=json.dumps(_HTMX), sparkline=charts.sparkline)
    return made


def render(name: str, /, **context: object) -> str:
    """A template as HTML; `TemplateNotFound` or `UndefinedError` if a page is wrong."""
    return environment().get_template(name).render(context)
