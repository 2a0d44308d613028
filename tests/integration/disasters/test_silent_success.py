"""Disaster: the client is told 200 with an id, and no row exists.

Code that swallows the connection's error leaves a request without a connection; stock Odoo
then skips COMMIT in silence.
"""

from __future__ import annotations

from tests.servers.odoo import Variant
from tests.servers.odoo_client import OdooFault
from tests.servers.postgres import Postgres

from .conftest import StartOdoo, rows
from .test_killed_connection import LINGER_S, interrupted


def test_success_is_never_answered_without_the_row(
    variant: Variant, start_odoo: StartOdoo, postgres: Postgres, token: str
) -> None:
    odoo = start_odoo(options={"max_cron_threads": 0})
    client = odoo.client()
    client.login(odoo.dbname)
    answer = interrupted(
        postgres, odoo, lambda: client.call("ha.test.row", "create_and_swallow", token, LINGER_S)
    )
    if variant == "stock":
        assert isinstance(answer.result(), int)
        assert rows(postgres, odoo, token) == 0
    elif answer.exception() is None:
        assert rows(postgres, odoo, token) == 1
        assert client.call("ha.test.row", "search", [("token", "=", token)]) == [answer.result()]
    else:
        assert isinstance(answer.exception(), OdooFault)
        assert rows(postgres, odoo, token) == 0
