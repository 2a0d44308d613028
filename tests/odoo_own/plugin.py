"""A pytest plugin for Odoo's own tests: what Odoo's runner has and pytest-odoo doesn't.

The registry is loaded in testing mode, which gives it read-only cursors without a replica.

Odoo 19.0's ``test_http/tests/test_registry.py`` adds itself to ``odoo.conf.server_wide_modules``,
a module that 19.0 no longer has; the comparison's odoo.conf names test_http among the
server-wide modules instead, and the attribute is there for the test to set.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    import odoo
    from odoo.tools import config

    config["test_enable"] = True
    if not hasattr(odoo, "conf"):
        odoo.conf = SimpleNamespace(server_wide_modules=[])
