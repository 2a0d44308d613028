"""Who may look at the leases."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tests.common import TransactionCase


@tagged("post_install", "-at_install")
class TestAccess(TransactionCase):
    def setUp(self):
        super().setUp()
        self.Lease = self.env["ha.cron.lease"]

    def test_system_administrators_read_only(self):
        admin = new_test_user(self.env, "ha-admin", groups="base.group_system")
        leases = self.Lease.with_user(admin)
        leases.search([])
        for right in ("create", "write", "unlink"):
            with self.assertRaises(AccessError):
                leases.check_access(right)

    def test_others_see_nothing(self):
        user = new_test_user(self.env, "ha-user", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.Lease.with_user(user).search([])

    def test_the_view_opens(self):
        action = self.env.ref("ha_cron_leader.ha_cron_lease_action")
        views = self.env[action.res_model].get_views([(False, "list")])
        self.assertIn("token", views["models"]["ha.cron.lease"]["fields"])
