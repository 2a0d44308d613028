"""The configuration reference, drawn from the settings' own declarations.

``python -m tests.configuration_reference`` writes docs/configuration.md; a unit test fails when
the page and the declarations differ.
"""

from __future__ import annotations

import importlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "configuration.md"

HEAD = """\
# Configuration of the addons

<!-- Written by `python -m tests.configuration_reference`; don't edit by hand. -->

Settings stand in the section `[ha]` of odoo.conf. The environment variable `ODOO_HA_<NAME>` wins
over it, and `ODOO_HA_<NAME>_FILE`, the name of a file that holds the value, over both: use it for
secrets. An unknown name, or a value that can't be used, stops Odoo before it serves, with one line
that names the setting and what it should be. Durations are in seconds or such as `500ms`, `2s`,
`1m`; sizes in bytes or such as `64KB`, `10MB`.

The sidecar has a file of its own: see [its page](../sidecar/README.md).
"""

ADDONS = {
    "ha_base": ("node", "The node"),
    "ha_failover": ("settings", "Following the database"),
    "ha_session_redis": ("settings", "Sessions in Redis"),
    "ha_attachment_s3": ("settings", "Attachments in S3"),
    "ha_attachment_s3_direct": ("settings", "Direct uploads to S3"),
    "ha_cron_leader": ("settings", "Scheduled actions"),
    "ha_health": ("settings", "Health"),
    "ha_dashboard": ("settings", "Dashboard"),
}


def render() -> str:
    """Return the whole page. The addons must be importable (tests/unit/conftest.py does it)."""
    from odoo.addons.ha_base.settings import documentation

    parts = [HEAD]
    for addon, (module, title) in ADDONS.items():
        settings = importlib.import_module(f"odoo.addons.{addon}.{module}").Settings
        parts.append(f"\n## {title} (`{addon}`)\n\n| setting | default | meaning |\n|---|---|---|")
        for row in documentation(settings):
            default = "" if row.default == "" else f"`{row.default}`"
            notes = f" Example: `{row.example}`." if row.example else ""
            notes += " Secret." if row.secret else ""
            parts.append(f"| `{row.name}` | {default} | {row.doc.replace('|', '/')}{notes} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    importlib.import_module("tests.unit.conftest")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
