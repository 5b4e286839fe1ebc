"""Text without secrets that looks as if it had some, and files of all kinds around those that are planted."""

from __future__ import annotations

import random
import string
from pathlib import Path

from keystile import mint

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def base62(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(BASE62, k=length))


def candidate(chance: random.Random) -> str:
    """What the pattern takes for a secret; that the checksum fits has a chance of 1 in 57 billion."""
    return f"tos_{base62(chance, 28)}"


def plain(chance: random.Random) -> str:
    """Some lines with near misses: wrong checksums, lengths, neighbours."""
    real = mint()
    near = [
        candidate(chance), f"tos_{base62(chance, 400)}", f"x{real}", f"_{real}", f"{real}0", real[:-1], real.upper(),
        real.replace("tos_", "tos-"), "tos_" * 5,
    ]  # fmt: skip
    return "\n".join(f"{base62(chance, 30)} = '{word}'" for word in near) + "\n"


def contents(chance: random.Random, secret: str, kind: int) -> bytes:
    """A file with the secret in it: in text, in one very long line, among bytes of all values, in UTF-16."""
    before, after = plain(chance), plain(chance)
    if kind == 0:
        return f'{before}key = "{secret}"\n{after}'.encode()
    if kind == 1:
        filler = "a, " * chance.randrange(100_000, 600_000)
        return f"{filler}{secret},{filler}".encode()
    if kind == 2:
        return (
            b"SQLite format 3\0" + chance.randbytes(5_000) + b"\0" + secret.encode() + b"\0" + chance.randbytes(5_000)
        )
    order = "utf-16-le" if kind == 3 else "utf-16-be"
    return f"\ufeff{before}密钥{secret}密\n{after}".encode(order)


def plant(root: Path, files: int, secrets: int) -> dict[str, str]:
    """So many files in folders, some of them with a secret each: the secrets by path."""
    chance = random.Random(files)
    chosen = set(chance.sample(range(files), secrets))
    planted: dict[str, str] = {}
    for number in range(files):
        folder = root / f"{number % 40}" / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}.txt"
        if number in chosen:
            planted[str(path)] = mint()
            path.write_bytes(contents(chance, planted[str(path)], len(planted) % 5))
        else:
            path.write_text(plain(chance))
    return planted
