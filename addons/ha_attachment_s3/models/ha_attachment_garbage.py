import logging
import os

import psycopg2
from odoo import api, fields, models
from odoo.addons.ha_base.settings import current
from odoo.tools.misc import str2bool

from ..errors import StorageUnavailable
from ..location import is_remote, parse
from ..ownership import belongs_to, place_of
from ..settings import Settings

_logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_BATCH = 10_000
#: After so many failures in a row it is S3 that fails, not an object.
_FAILURES = 3


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
    failures = fields.Integer("Failed Deletions", required=True, readonly=True, default=0)
    retry_at = fields.Datetime("Not Before", readonly=True)

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
                        INSERT INTO ha_attachment_garbage (store_fname, marked_at, failures)
                        SELECT name, clock_timestamp() AT TIME ZONE 'UTC', 0
                          FROM unnest(%s) AS name
                            ON CONFLICT (store_fname)
                            DO UPDATE SET marked_at = EXCLUDED.marked_at,
                                          failures = 0, retry_at = NULL
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
        if str2bool(
            self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized"), False
        ):
            # Not even a bit-by-bit copy of the whole PostgreSQL may delete what is the original's.
            _logger.info("This database is neutralized: nothing is deleted from S3")
            return
        grace = current(Settings).s3_garbage_grace
        self.env.cr.execute(
            f"SELECT store_fname FROM ha_attachment_garbage WHERE {_OVERDUE}"
            " ORDER BY marked_at LIMIT %s",
            [grace, _BATCH],
        )
        names = [name for (name,) in self.env.cr.fetchall()]
        try:
            borrowed = self._borrowed(names)
        except StorageUnavailable:
            _logger.warning("Garbage collection ends here and goes on at its next run")
            return
        deleted = failed = 0
        for name in names:
            if name in borrowed:
                self._put_off(name, failed=False)
                continue
            try:
                deleted += self._collect_one(name, grace)
                failed = 0
            except StorageUnavailable:
                self._put_off(name)
                failed += 1
                if failed == _FAILURES:
                    _logger.warning("Garbage collection ends here and goes on at its next run")
                    break
            except psycopg2.errors.SerializationFailure:
                _logger.debug("%s is in use again", name)
            except ValueError:
                _logger.warning("%s was stored by an addon that is not installed here", name)
                self._put_off(name)
        if names:
            _logger.info("S3 garbage: %d objects checked, %d deleted", len(names), deleted)

    @api.model
    def _borrowed(self, names):
        """The objects of this database that copies of it use; of the prefixes of these names.

        :raises StorageUnavailable: when that isn't known
        """
        places = {place_of(name) for name in names if self._is_ours(name)} - {None}
        if not places:
            return set()
        # boto3 is only there where S3 is configured.
        from ..borrowing import borrowed_from

        return set().union(*(borrowed_from(*place) for place in places))

    @api.autovacuum
    def _borrow(self):
        """Tell the original which of its objects this copy of it uses; see ownership.py."""
        if not current(Settings).s3_bucket:
            return
        owner = self.env["ir.attachment"]._s3_owner()
        names = self._used_of_others(owner)
        if not names:
            return
        # boto3 is only there where S3 is configured.
        from ..borrowing import declare

        try:
            declared = declare(names, owner)
        except StorageUnavailable:
            _logger.error(
                "The owner of %d objects that this database uses could not be told so. It deletes "
                "them once it needs them no more: run `odoo-ha attachments migrate --to s3` here",
                len(names),
            )
            return
        for (bucket, prefix), keys in declared.items():
            _logger.info("%d objects of s3://%s/%s are used here", len(keys), bucket, prefix)

    @api.model
    def _used_of_others(self, owner):
        """The objects that attachments refer to and that another database owns."""
        self.env.cr.execute(
            "SELECT DISTINCT store_fname FROM ir_attachment"
            " WHERE store_fname LIKE 's3://%%' AND store_fname NOT LIKE %s",
            [f"%/{owner}/%"],
        )
        return [name for (name,) in self.env.cr.fetchall()]

    @api.model
    def _put_off(self, name, failed=True):
        """Try this one again later: after a failure in 2 minutes, 4, 8, up to a day."""
        with self.env.registry.cursor() as cr:
            cr.execute(
                """
                UPDATE ha_attachment_garbage
                   SET failures = CASE WHEN %(failed)s THEN failures + 1 ELSE failures END,
                       retry_at = clock_timestamp() AT TIME ZONE 'UTC' + LEAST(
                           interval '1 day',
                           CASE WHEN %(failed)s
                                THEN 2 ^ LEAST(failures + 1, 12) * interval '1 minute'
                                ELSE interval '1 day' END
                       )
                 WHERE store_fname = %(name)s
                """,
                {"name": name, "failed": failed},
            )

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
        """Delete it; a file of the filestore goes on stock's checklist instead.

        :raises StorageUnavailable: when it is not certain that it is gone
        """
        if not is_remote(name):
            attachments = self.env["ir.attachment"]
            if os.path.isfile(attachments._full_path(name)):
                attachments._mark_for_gc(name)
            return
        # boto3 is only there where S3 is configured.
        from ..bucket import bucket

        bucket().delete(parse(name))

    @api.model
    def _is_ours(self, name):
        """A copy of a database must not delete what belongs to the original."""
        return not is_remote(name) or belongs_to(name, self.env["ir.attachment"]._s3_owner())


_OVERDUE = (
    "marked_at < (clock_timestamp() AT TIME ZONE 'UTC') - %s * interval '1 second'"
    " AND (retry_at IS NULL OR retry_at < clock_timestamp() AT TIME ZONE 'UTC')"
)
