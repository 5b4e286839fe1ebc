"""`python -m tools.reference`: write every page of docs/reference anew."""

from __future__ import annotations

from tools.reference import FOLDER, PAGES

FOLDER.mkdir(exist_ok=True)
for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), "utf-8")
