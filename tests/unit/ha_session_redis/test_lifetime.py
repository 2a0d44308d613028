"""How long a saved session lives."""

import pytest
from odoo.addons.ha_session_redis.lifetime import SHORTEST, lifetime


@pytest.mark.parametrize(
    ("session", "anonymous", "expected"),
    [
        ({"uid": 2}, None, 604800),
        ({"uid": 2}, 600, 604800),
        ({"uid": None}, None, 604800),
        ({"uid": None}, 600, 600),
        ({}, 10**9, 604800),
        # Half logged in: the second factor is still asked for.
        ({"uid": None, "pre_uid": 2}, 600, 604800),
        ({"uid": 2, "deletion_time": 1120.0}, None, 120),
        ({"uid": 2, "deletion_time": 900.0}, None, SHORTEST),
    ],
)
def test_lifetime(session: dict[str, object], anonymous: float | None, expected: float) -> None:
    seconds = lifetime(session, inactivity=604800, anonymous=anonymous, now=1000.0)
    assert seconds == expected


def test_no_lifetime_is_zero_or_less() -> None:
    assert lifetime({"uid": 2}, inactivity=0, anonymous=None, now=0) == SHORTEST
    assert lifetime({"uid": 2}, inactivity=-5, anonymous=None, now=0) == SHORTEST
