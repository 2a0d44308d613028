import logging
import time

from odoo import api, fields, models

_logger = logging.getLogger(__name__)


class HaTestRow(models.Model):
    """A row with a token, so that a test can count how often a write took effect."""

    _name = "ha.test.row"
    _description = "Row of a test"

    token = fields.Char(required=True, index=True)

    @api.model
    def linger(self, seconds):
        """Keep the database busy on this transaction's connection.

        The statement names itself so that a test finds its backend in pg_stat_activity.
        """
        self.env.cr.execute("SELECT pg_sleep(%s) /* ha_test linger */", [seconds])

    @api.model
    def create_slowly(self, token, seconds):
        """Write a row, then linger before the request ends and commits."""
        row = self.create({"token": token})
        row.flush_recordset()
        self.linger(seconds)
        return row.id

    @api.model
    def count_slowly(self, token, seconds):
        """Read, lingering in the middle."""
        self.linger(seconds)
        return self.search_count([("token", "=", token)])

    @api.model
    def create_and_swallow(self, token, seconds):
        """Write a row, then do something optional whose error is swallowed, as much code does."""
        row = self.create({"token": token})
        row.flush_recordset()
        try:
            self.linger(seconds)
        except Exception:
            _logger.info("the optional step failed", exc_info=True)
        return row.id

    @api.model
    def create_in_two_commits(self, token, seconds):
        """Commit in the middle of the request: from there on it can't be run again."""
        self.create({"token": token})
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.linger(seconds)
        return True

    @api.model
    def create_with_hook(self, token):
        """Write a row and do something outside of the database once it is committed."""
        row = self.create({"token": token})
        self.env.cr.postcommit.add(lambda: _logger.info("post-commit hook of %s", token))
        return row.id

    @api.model
    def create_beside(self, token, seconds):
        """Write a row, linger, then do something in a transaction beside this one."""
        row = self.create({"token": token})
        row.flush_recordset()
        self.linger(seconds)
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT 1")
        return row.id

    @api.model
    def notify(self, channel, message):
        """Send a notification over the bus, where the database has one."""
        self.env["bus.bus"]._sendone(channel, "ha_test", message)
        return True

    @api.model
    def work_in_batches(self, count, seconds):
        """A scheduled action that makes ``count`` rows, each in a transaction of its own."""
        for number in range(self.search_count([]), count):
            self.create({"token": str(number)})
            self.env["ir.cron"]._commit_progress(1, remaining=count - number - 1)
            self.linger(seconds)

    @api.model
    def create_and_dally(self, token, seconds):
        """Write a row; once it is committed, do something else for a while."""
        self.create({"token": token})
        self.env.cr.postcommit.add(lambda: time.sleep(seconds))

    def write_then_unlink(self):
        """Fails when it is done a second time: there is no such record any more."""
        self.write({"token": "about to go"})
        return self.unlink()
