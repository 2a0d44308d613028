"""A worker outlives a silent S3."""

from __future__ import annotations

import pytest
from odoo.addons.ha_attachment_s3.patience import longest_operation, too_long_for_workers
from odoo.addons.ha_attachment_s3.settings import Settings

ODOO_DEFAULT = 120  # limit_time_real


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 13), (3, 42), (7, 91 + 1 + 2 + 4 + 8 + 16 + 20)]
)
def test_the_longest_operation(attempts: int, seconds: float) -> None:
    assert longest_operation(3, 10, attempts) == seconds


def test_the_defaults_fit_odoos() -> None:
    settings = Settings()
    longest = longest_operation(
        settings.s3_connect_timeout, settings.s3_timeout, settings.s3_attempts
    )
    assert too_long_for_workers(longest, ODOO_DEFAULT) is None


def test_what_does_not_fit_is_told_with_the_remedy() -> None:
    told = too_long_for_workers(42, 60)
    assert told and "s3_timeout" in told and "limit_time_real to 84" in told
    assert too_long_for_workers(42, 84) is None
    assert too_long_for_workers(1000, 0) is None  # Odoo's "no limit"
