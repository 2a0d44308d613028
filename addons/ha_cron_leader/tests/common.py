"""A lease row of its own on the real database, beside the one that the server may hold."""

import secrets

from odoo import sql_db
from odoo.addons.ha_base.side_connection import SideConnection
from odoo.tests import TransactionCase

from .. import statements
from ..fence import Lease
from ..presence import key


class LeaseCase(TransactionCase):
    def setUp(self):
        super().setUp()
        self.database = self.env.cr.dbname
        self.pool = f"test-{secrets.token_hex(6)}"
        self.side = self.connect()
        self.addCleanup(self.sql, "DELETE FROM ha_cron_lease WHERE job_pool = %s", self.pool)

    def connect(self, database=None):
        connection = SideConnection(sql_db.connection_info_for(database or self.database)[1], 5.0)
        self.addCleanup(connection.close)
        return connection

    def sql(self, statement, *arguments):
        """Run one statement in a transaction of its own and return its rows."""
        connection = SideConnection(sql_db.connection_info_for(self.database)[1], 5.0)
        try:
            return connection.query(statement, arguments, 5.0)
        finally:
            connection.close()

    def acquire(self, holder, connection=None, timeout=5.0, **changed):
        """(granted, holder, token, remaining, paused, yields, present)"""
        rows = self.ask(holder, connection, timeout, pools=[self.pool], **changed)
        return rows[0][1:] if rows else None

    def ask(self, holder, connection=None, timeout=5.0, *, gone="", session=None, **changed):
        """All rows; ``session`` is that of the keeper, if it has one."""
        arguments = {
            "holder": holder,
            "lease": 15.0,
            "timeout_ms": int(timeout * 1000),
            "pid": session.backend_pid if session else 0,
            "server": self.server_start() if session else "",
            "gone": gone,
            "gone_key": key(gone),
            **changed,
        }
        return (connection or self.side).query(statements.ACQUIRE, arguments, timeout + 1)

    def server_start(self):
        return self.sql("SELECT extract(epoch FROM pg_postmaster_start_time())::text")[0][0]

    def release(self, holder, why="stopped"):
        arguments = {"pools": [self.pool], "holder": holder, "why": why, "timeout_ms": 1000}
        return self.side.query(statements.RELEASE, arguments, 5.0)

    def expire(self):
        self.sql(
            "UPDATE ha_cron_lease SET expires_at = clock_timestamp() AT TIME ZONE 'UTC'"
            " WHERE job_pool = %s",
            self.pool,
        )

    def lease(self, holder, token):
        return Lease(self.database, self.pool, holder, token)
