"""A pytest plugin: loads Odoo's server-wide modules before pytest-odoo opens a database.

A server does the same. pytest-odoo would load them after the registry, when test modules have
imported ``ha_base`` already and Odoo therefore no longer calls its ``post_load``: the suite
would be installed, but not active.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    from odoo.modules.module import initialize_sys_path
    from odoo.service.server import load_server_wide_modules

    initialize_sys_path()
    load_server_wide_modules()
