from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..errors import StorageUnavailable
from ..migration import rows

#: Lines of the report; the log has all.
_MOST_LINES = 100


class HaAttachmentMigration(models.Model):
    """A migration that a scheduled action works on, batch by batch; see migration/migration.py.

    A node that dies loses nothing: the next run of the action goes on where it was.
    """

    _name = "ha.attachment.migration"
    _description = "Attachment Migration"
    _order = "id desc"
    _rec_name = "to"

    to = fields.Selection(
        [
            ("s3", "Bucket, or where the rules say"),
            ("file", "Filestore"),
            ("db", "Database"),
        ],
        string="Move To",
        required=True,
        default="s3",
    )
    res_model = fields.Char("Model", help="Only attachments of this model's records.")
    min_size = fields.Integer("From Bytes")
    since = fields.Datetime("Created Since")
    parallel = fields.Integer("At a Time", default=8, required=True)
    verify = fields.Boolean("Read Back", help="Read what was stored before it is relied upon.")
    state = fields.Selection(
        [("new", "New"), ("running", "Running"), ("paused", "Paused"), ("done", "Done")],
        required=True,
        default="new",
        readonly=True,
    )
    after = fields.Integer(readonly=True, help="Attachments up to this id were looked at.")
    total = fields.Integer("Attachments", readonly=True)
    looked_at = fields.Integer(readonly=True)
    moved = fields.Integer(readonly=True)
    left_alone = fields.Integer(readonly=True)
    megabytes = fields.Float("MB Moved", readonly=True, digits=(16, 1))
    problems = fields.Text(readonly=True)
    progress = fields.Float(compute="_compute_progress")

    @api.depends("total", "looked_at", "state")
    def _compute_progress(self):
        for migration in self:
            part = 100.0 * migration.looked_at / migration.total if migration.total else 0.0
            migration.progress = 100.0 if migration.state == "done" else min(part, 99.0)

    @api.constrains("parallel")
    def _check_parallel(self):
        if any(not 1 <= migration.parallel <= 64 for migration in self):
            raise ValidationError(self.env._("Between 1 and 64 contents can be moved at a time."))

    def action_start(self):
        """Start, go on after a pause, or look at everything again once it is done."""
        for migration in self:
            values = {"state": "running"}
            if migration.state in ("new", "done"):
                values |= {
                    "after": 0,
                    "total": migration._count(),
                    "looked_at": 0,
                    "moved": 0,
                    "left_alone": 0,
                    "megabytes": 0,
                    "problems": False,
                }
            migration.write(values)
        self.env.ref("ha_attachment_s3.run_attachment_migrations")._trigger()

    def action_pause(self):
        """Stop after the batch that is under way."""
        self.filtered(lambda migration: migration.state == "running").state = "paused"

    def _wanted(self):
        self.ensure_one()
        return rows.Wanted(
            to=self.to,
            model=self.res_model or None,
            min_size=self.min_size,
            since=self.since or None,
            parallel=self.parallel,
            verify=self.verify,
        )

    def _count(self):
        return rows.count(self.env.cr, self._wanted())

    @api.model
    def _run(self):
        """The scheduled action: work on what is running, as long as it may."""
        for running in self.search([("state", "=", "running")], order="id"):
            if not running._work():
                return

    def _work(self):
        """Whether there is time left for another one."""
        # boto3 is only there where S3 is configured.
        from ..migration.migration import Migration

        migration = Migration(self.env.registry, self._wanted(), after=self.after)
        try:
            for _batch in migration.run():
                going_on = self._note(migration)
                if not self.env["ir.cron"]._commit_progress(1, remaining=1):
                    return False
                if not going_on:
                    return True
        except StorageUnavailable:
            # Nothing is lost, and the next run of the action goes on.
            return False
        self._note(migration, done=True)
        return bool(self.env["ir.cron"]._commit_progress(remaining=0))

    def _note(self, migration, done=False):
        """Add what was done since the last time; whether it is still to go on.

        On a connection of its own: a user may press a button at the same time.
        """
        counts, lines = migration.take_counts()
        text = "\n".join(lines)
        with self.env.registry.cursor() as cr:
            cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cr.execute(
                """
                UPDATE ha_attachment_migration
                   SET after = GREATEST(after, %(after)s),
                       looked_at = COALESCE(looked_at, 0) + %(looked)s,
                       moved = COALESCE(moved, 0) + %(moved)s,
                       left_alone = COALESCE(left_alone, 0) + %(left_alone)s,
                       megabytes = COALESCE(megabytes, 0) + %(megabytes)s,
                       problems = CASE
                           WHEN %(text)s = '' OR left_alone >= %(most)s THEN problems
                           ELSE concat_ws(E'\\n', problems, %(text)s) END,
                       state = CASE WHEN %(done)s AND state = 'running' THEN 'done' ELSE state END
                 WHERE id = %(id)s
                RETURNING state
                """,
                {
                    "id": self.id,
                    "after": migration.after,
                    "looked": sum(counts[name] for name in ("moved", "stays", "problem")),
                    "moved": counts["moved"],
                    "left_alone": counts["problem"] + counts["busy"],
                    "megabytes": counts["bytes"] / 1e6,
                    "text": text,
                    "most": _MOST_LINES,
                    "done": done,
                },
            )
            found = cr.fetchone()
        return bool(found) and found[0] == "running"
