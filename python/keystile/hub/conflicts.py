"""What a route says about the 409 that it may answer."""

from __future__ import annotations

from litestar.openapi.datastructures import ResponseSpec

from keystile.problems import PROBLEMS


def conflicts(*codes: str) -> dict[int, ResponseSpec]:
    """The `responses` of a route that may refuse with these codes, for the document; KeyError for one that is none."""
    assert {PROBLEMS[code].status for code in codes} == {409}  # noqa: S101  our own routes, at import
    return {409: ResponseSpec(data_container=None, description=", ".join(codes), generate_examples=False)}
