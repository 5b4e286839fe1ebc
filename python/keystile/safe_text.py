"""Text that is safe to show: nothing in it moves the cursor, hides, reorders, or is a secret."""

from __future__ import annotations

import json
import re
import unicodedata

# The shape of a secret with any prefix that the settings allow. A key's id is shorter.
_SECRET = re.compile(r"\b[a-z][a-z0-9_]{0,15}[0-9A-Za-z]{28}\b")

# Control and format characters (escape sequences, right-to-left overrides, invisible ones), lone
# surrogates, line separators, and code points that no font or terminal agrees about.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(value: object) -> str:
    """The value as text in which no character can move, hide or reorder what stands on the screen."""
    return "".join(escape(char) if is_unsafe(char) else char for char in str(value))


def without_secrets(text: str) -> str:
    """The text with whatever is shaped like a secret taken out."""
    return _SECRET.sub("(secret)", text)


def escape(char: str) -> str:
    """As JSON writes it, so that tables and `--json` agree."""
    return json.dumps(char)[1:-1] if ord(char) > 0x1F and char != "\x7f" else f"\\u{ord(char):04x}"


def is_unsafe(char: str) -> bool:
    """Whether a character can do something else than be seen."""
    return unicodedata.category(char) in _UNSAFE
