"""A pytest plugin: each content is in S3 at once, not just before the commit, which most of Odoo's tests
never come to."""

from __future__ import annotations

import pytest


@pytest.hookimpl
def pytest_collection() -> None:
    """After tests.integration.server_wide's."""
    from odoo.addons.ha_attachment_s3 import pending

    pending.MOST = -1
