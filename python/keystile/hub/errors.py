"""What the Hub's services say no with. They know codes, never HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keystile.errors import KeystileError


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request: which field, and why."""

    field: str
    message: str


class DomainError(KeystileError):
    """A request that cannot be granted; `code` is one of `keystile.problems.PROBLEMS`."""

    code = "bad_request"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.code)
        self.detail = detail


class NotFound(DomainError):
    """No such object, or one that the caller may not know of: both are told the same."""

    code = "not_found"


class Malformed(DomainError):
    """The body is not one well-formed JSON document."""

    code = "malformed_json"


class WrongMediaType(DomainError):
    """The body is not declared as plain JSON."""

    code = "unsupported_media_type"


class BodyTooLarge(DomainError):
    """The body exceeds `max_body_bytes`."""

    code = "body_too_large"


class Invalid(DomainError):
    """The request is well-formed but wrong; says everything that is wrong at once."""

    code = "invalid_request"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = list(errors)


class Escalation(DomainError):
    """The caller would give or manage more than it holds."""

    code = "escalation"


class SignInRefused(DomainError):
    """Wrong address or password, which of the two is not told."""

    code = "sign_in_refused"


class TooManyGuesses(DomainError):
    """Too many tries to sign in; `wait_s` says when to try again."""

    code = "too_many_guesses"

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.wait_s = wait_s


class RoleRefused(DomainError):
    """The operator's role does not allow it."""

    code = "role_refused"


class HomeOnly(DomainError):
    """Only callers of the home tenant may do this."""

    code = "home_only"


class Conflict(DomainError):
    """The object's present state does not allow it; the code says which state."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__()


class CallerRefused(DomainError):
    """The database says that the caller's own key or session may no longer do this; the code says why."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__()


class DatabaseUnavailable(DomainError):
    """The database did not answer, or not in time."""

    code = "database_unavailable"


class NotConfirmed(DomainError):
    """The change is made, but whether every gate has it cannot be told."""

    code = "not_confirmed"


class BadSignature(DomainError):
    """A report that nobody has signed who is believed. What is wrong with it is not told."""

    code = "bad_signature"


class SigningKeysUnavailable(DomainError):
    """The keys that reports are signed with cannot be had at the moment."""

    code = "signing_keys_unavailable"


class TooBusy(DomainError):
    """As much of this is being done as there is room for."""

    code = "busy"


class GateMissing(DomainError):
    """This machine has no gate yet that could decide."""

    code = "gate_stale"


class Faults:
    """Collects what is wrong with a request, so that one answer names all of it."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        """Note one fault."""
        self._errors.append(FieldError(field, message))

    def check(self) -> None:
        """Raise Invalid if anything was noted."""
        if self._errors:
            raise Invalid(self._errors)
