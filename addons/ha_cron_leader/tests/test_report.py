"""What administrators see and do: in Odoo and with ``odoo-ha cron``."""

from odoo import sql_db
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged

from .. import report, runs, statements
from .common import LeaseCase


@tagged("post_install", "-at_install")
class TestReport(LeaseCase):
    def setUp(self):
        super().setUp()
        self.job = self.env["ir.cron"].create(
            {
                "name": "a job",
                "model_id": self.env.ref("base.model_res_partner").id,
                "state": "code",
                "code": "True",
                "interval_type": "days",
            }
        )
        self.env.flush_all()

    def pool_of(self, found, name):
        return next(pool for pool in found["pools"] if pool["pool"] == name)

    def test_status_tells_who_leads_and_why(self):
        self.acquire("one/1")
        self.release("one/1", "stopped")
        self.acquire("two/1")
        cursor = sql_db.db_connect(self.database).cursor()  # the test's sees no other's rows
        self.addCleanup(cursor.close)
        found = report.status(cursor)
        pool = self.pool_of(found, self.pool)
        self.assertEqual(
            (pool["node"], pool["token"], pool["previous"], pool["reason"], pool["paused"]),
            ("two", 2, "one/1", "stopped", False),
        )
        text = "\n".join(report.lines(found))
        self.assertIn(f"pool {self.pool}: two since", text)
        self.assertIn("before: one/1 (stopped)", text)

    def test_a_pool_that_nobody_serves_is_shown(self):
        self.job.job_pool = self.pool
        self.env.flush_all()
        found = report.status(self.env.cr)
        self.assertIsNone(self.pool_of(found, self.pool)["node"])
        self.assertIn(f"pool {self.pool}: no live node serves it", "\n".join(report.lines(found)))
        self.assertIn(self.pool, self.env["ha.cron.lease"]._open_pools())
        self.env["ha.cron.lease"].action_open()
        lease = self.env["ha.cron.lease"].search([("job_pool", "=", self.pool)])
        self.assertEqual((lease.state, lease.jobs), ("unserved", 1))

    def test_late_jobs_are_named(self):
        self.job.nextcall = "2020-01-01 00:00:00"
        self.env.flush_all()
        found = report.status(self.env.cr)
        self.assertIn(self.job.id, [job["id"] for job in found["late_jobs"]])

    def test_runs_are_counted_by_node(self):
        job = {"id": self.job.id, "nextcall": self.env.cr.now()}
        runs.record_run(self.env.cr, job, "one", "fully done", 0.5)
        runs.record_run(self.env.cr, job, "one", "failed", 0.25)
        (row,) = self.env["ha.cron.run"].search([("cron_id", "=", self.job.id)])
        self.assertEqual((row.runs, row.failures, row.late, row.longest), (2, 1, 0, 0.5))
        self.assertIn(
            "node one: 2 runs, 1 failed", "\n".join(report.lines(report.status(self.env.cr)))
        )

    def test_what_cannot_be_counted_harms_nothing(self):
        runs.record_run(self.env.cr, {"id": -1, "nextcall": self.env.cr.now()}, "one", "x", 0.0)
        self.env.cr.execute("SELECT 1")
        self.assertEqual(self.env.cr.fetchone(), (1,))

    def test_the_buttons(self):
        lease = self.env["ha.cron.lease"]
        self.env.cr.execute(statements.PAUSE, {"pool": self.pool, "paused": False})
        lease = lease.search([("job_pool", "=", self.pool)])
        lease.action_pause()
        self.assertTrue(lease.paused)
        lease.action_resume()
        self.assertFalse(lease.paused)
        lease.action_step_down()
        user = new_test_user(self.env, "ha-user2", groups="base.group_user")
        for action in ("action_pause", "action_resume", "action_step_down"):
            with self.assertRaises(AccessError):
                getattr(lease.with_user(user), action)()

    def test_the_name_of_a_pool_is_one_that_a_node_can_have(self):
        with self.assertRaises(ValidationError):
            self.job.job_pool = "main, reports"
