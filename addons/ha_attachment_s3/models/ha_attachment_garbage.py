import logging

import psycopg2
from odoo import api, fields, models
from odoo.addons.ha_base.settings import current

from ..errors import StorageUnavailable
from ..location import parse
from ..settings import Settings

_logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_BATCH = 10_000


class HaAttachmentGarbage(models.Model):
    """The checklist of objects that may be garbage.

    An object is put on it before it is written, so that a rollback or a crash leaves a trace,
    and again when an attachment lets go of it. Its row is committed at once, on a connection of
    its own. The collector deletes what has been on it for longer than the grace period and is
    referred to by no attachment; a failed deletion stays on the list.

    Why no table lock is needed: whoever writes an attachment renews the mark first. If the
    collector holds the row, the writer waits until the deletion is done and stores the object
    anew; if the writer was first, the mark is young, or PostgreSQL tells the collector that the
    row has changed. The grace period outlasts every transaction.
    """

    _name = "ha.attachment.garbage"
    _description = "Objects in S3 that may be garbage"
    _log_access = False
    _rec_name = "store_fname"
    _order = "marked_at, id"

    store_fname = fields.Char("Object", required=True, readonly=True)
    marked_at = fields.Datetime(required=True, readonly=True, index=True)

    _store_fname_unique = models.Constraint(
        "UNIQUE (store_fname)", "An object is on the checklist once."
    )

    @api.model
    def _mark(self, names):
        """Put objects on the list, or renew their marks, whatever becomes of this transaction."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.env.registry.cursor() as cr:
                    cr.execute("SET LOCAL lock_timeout TO '30s'")
                    cr.execute(
                        """
                        INSERT INTO ha_attachment_garbage (store_fname, marked_at)
                        SELECT name, clock_timestamp() AT TIME ZONE 'UTC'
                          FROM unnest(%s) AS name
                            ON CONFLICT (store_fname)
                            DO UPDATE SET marked_at = EXCLUDED.marked_at
                        """,
                        [sorted(names)],
                    )
                return
            except psycopg2.errors.SerializationFailure:
                # The same content by someone else at the same time, or the collector.
                if attempt == _ATTEMPTS:
                    raise

    @api.autovacuum
    def _collect(self):
        """Delete what nothing refers to. Safe on several nodes at once."""
        if not current(Settings).s3_bucket:
            return
        grace = current(Settings).s3_garbage_grace
        self.env.cr.execute(
            f"SELECT store_fname FROM ha_attachment_garbage WHERE {_OVERDUE}"
            " ORDER BY marked_at LIMIT %s",
            [grace, _BATCH],
        )
        names = [name for (name,) in self.env.cr.fetchall()]
        deleted = 0
        for name in names:
            try:
                deleted += self._collect_one(name, grace)
            except StorageUnavailable:
                _logger.warning("Garbage collection stops here and goes on at its next run")
                break
            except psycopg2.errors.SerializationFailure:
                _logger.debug("%s is in use again", name)
        if names:
            _logger.info("S3 garbage: %d objects checked, %d deleted", len(names), deleted)

    @api.model
    def _collect_one(self, name, grace):
        """Whether the object was deleted; its row is locked meanwhile, and nothing else."""
        with self.env.registry.cursor() as cr:
            cr.execute(
                f"SELECT id FROM ha_attachment_garbage WHERE {_OVERDUE} AND store_fname = %s"
                " FOR UPDATE SKIP LOCKED",
                [grace, name],
            )
            row = cr.fetchone()
            if not row:
                return False
            garbage = not self._is_referred_to(cr, name) and self._is_ours(name)
            if garbage:
                self._delete_object(name)
                _logger.debug("deleted %s", name)
            cr.execute("DELETE FROM ha_attachment_garbage WHERE id = %s", row)
            return garbage

    @api.model
    def _is_referred_to(self, cr, name):
        """Whether an attachment still needs this object."""
        cr.execute("SELECT 1 FROM ir_attachment WHERE store_fname = %s LIMIT 1", [name])
        return bool(cr.fetchone())

    @api.model
    def _delete_object(self, name):
        """:raises StorageUnavailable: when it is not certain that it is gone"""
        # boto3 is only there where S3 is configured.
        from ..bucket import bucket

        bucket().delete(parse(name))

    @api.model
    def _is_ours(self, name):
        """A copy of a database must not delete what belongs to the original."""
        settings = current(Settings)
        prefix = self.env["ir.attachment"]._s3_prefix()
        return name.startswith(f"s3://{settings.s3_bucket}/{prefix}/")


_OVERDUE = "marked_at < (clock_timestamp() AT TIME ZONE 'UTC') - %s * interval '1 second'"
