"""The pages that Odoo's list of apps shows, drawn from the addons' readme fragments.

``python -m tests.apps_pages ADDON...`` writes static/description/index.html of each; a unit test
fails when a page that is there and its fragments differ.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from markdown_it import MarkdownIt

ADDONS = Path(__file__).resolve().parents[1] / "addons"
FRAGMENTS = {"DESCRIPTION": "", "CONFIGURE": "Configuration", "ROADMAP": "Known limits"}


def page(addon: Path) -> Path:
    """Where Odoo looks for it."""
    return addon / "static" / "description" / "index.html"


def pages() -> list[Path]:
    """The addons that have one."""
    return [addon for addon in sorted(ADDONS.iterdir()) if page(addon).exists()]


def render(addon: Path) -> str:
    """Return the whole page."""
    manifest = ast.literal_eval((addon / "__manifest__.py").read_text())
    text = [f"# {manifest['name']}", manifest["summary"] + "."]
    for name, title in FRAGMENTS.items():
        fragment = addon / "readme" / f"{name}.md"
        if fragment.exists():
            text += [f"## {title}"] if title else []
            text.append(fragment.read_text())
    body = MarkdownIt("commonmark").enable("table").render("\n\n".join(text))
    head = "<!-- Written by `python -m tests.apps_pages`; don't edit by hand. -->"
    return f'{head}\n<section class="container">\n{body}</section>\n'


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page(ADDONS / name).write_text(render(ADDONS / name), encoding="utf-8")
