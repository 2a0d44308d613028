import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import sidecar

_logger = logging.getLogger(__name__)

#: So many the sidecars take.
_MOST = 100
#: What the sidecars need of a check; a change of any of it is a revision.
_FIELDS = (
    "code",
    "active",
    "expression",
    "message",
    "severity",
    "each",
    "raise_after",
    "clear_after",
    "muted_by",
)


class HaCheck(models.Model):
    """One check of the cluster. The sidecars evaluate it and tell of it; Odoo is where it is edited.

    One with the code of a check that comes along takes its place; archived, it switches that off.
    """

    _name = "ha.check"
    _description = "Cluster Check"
    _order = "code"
    _rec_name = "code"

    code = fields.Char(required=True, help="A word of a-z, 0-9 and _, such as redis_down.")
    active = fields.Boolean(default=True, help="An archived check is not evaluated.")
    expression = fields.Char(
        required=True,
        help="Python over the cluster's state: while it holds, the alert is raised. An unknown fact "
        "changes nothing.",
    )
    message = fields.Char(required=True, help="With places such as {replica.name}.")
    severity = fields.Selection(
        [("critical", "Critical"), ("warning", "Warning"), ("info", "Info")],
        required=True,
        default="warning",
    )
    each = fields.Selection(
        [("replica", "Each standby"), ("node", "Each node"), ("certificate", "Each certificate")],
        "Evaluated for",
        help="Left empty: once, for the whole cluster.",
    )
    raise_after = fields.Float(
        default=3.0, help="Seconds for which the expression must hold before anything is told."
    )
    clear_after = fields.Float(
        default=3.0, help="Seconds for which it must not hold before the alert is cleared."
    )
    muted_by = fields.Char(
        help="Codes of checks, with commas: while one of them holds nothing is told of this one."
    )
    result = fields.Text(readonly=True, copy=False, help="What the last test found.")
    revision_ids = fields.One2many("ha.check.revision", "check_id", "History", readonly=True)

    _code_unique = models.Constraint("UNIQUE (code)", "There is a check with this code already.")

    def _for_sidecar(self):
        self.ensure_one()
        return {
            "id": self.code or "",
            "expression": self.expression or "",
            "message": self.message or "",
            "severity": self.severity,
            "each": self.each or "",
            "raise_after": self.raise_after,
            "clear_after": self.clear_after,
            "muted_by": [one.strip() for one in (self.muted_by or "").split(",") if one.strip()],
        }

    def _evaluate(self):
        """What the sidecar finds by this check now.

        :raises UserError: it doesn't answer
        :raises ValidationError: the check is wrong
        """
        try:
            return sidecar.ask("POST", "/checks/try", {"check": self._for_sidecar()})["results"]
        except sidecar.SidecarAway as error:
            raise UserError(
                self.env._("%s. It evaluates the checks; without it none can be judged.", error)
            ) from error
        except sidecar.Refused as error:
            raise ValidationError(str(error)) from error

    @api.constrains(*(name for name in _FIELDS if name != "active"))
    def _check_expression(self):
        for check in self:
            check._evaluate()

    def action_test(self):
        """Judge the cluster as it is now, and tell nobody."""
        for check in self:
            lines = [
                f"{one['alert']}: "
                + {
                    True: self.env._("HOLDS: %s", one["message"]),
                    False: self.env._("does not hold"),
                    None: self.env._("unknown: %s", one["reason"]),
                }[one["holds"]]
                for one in check._evaluate()
            ]
            check.result = "\n".join(lines) or self.env._("There is nothing that it is about.")

    def action_take_over(self):
        """Make records of the checks that come along, to be edited; those that are there stay."""
        try:
            found = sidecar.ask("GET", "/checks")["defaults"]
        except (sidecar.SidecarAway, sidecar.Refused) as error:
            raise UserError(str(error)) from error
        codes = [one["id"] for one in found]
        known = self.with_context(active_test=False).search([("code", "in", codes)]).mapped("code")
        self.create(
            [
                {
                    "code": one["id"],
                    "muted_by": ", ".join(one["muted_by"]) or False,
                    "each": one["each"] or False,
                    **{name: one[name] for name in
                       ("expression", "message", "severity", "raise_after", "clear_after")},
                }
                for one in found
                if one["id"] not in known
            ]
        )  # fmt: skip

    # -- what the sidecars have of it

    @api.model_create_multi
    def create(self, vals_list):
        checks = super().create(vals_list)
        checks._note("created")
        return checks

    def write(self, vals):
        done = super().write(vals)
        if not vals.keys().isdisjoint(_FIELDS):
            self._note("changed")
        return done

    def unlink(self):
        self._note("deleted")
        return super().unlink()

    def _note(self, change):
        """Keep what it says now, and hand all checks to the sidecar once this is committed."""
        self.env["ha.check.revision"].sudo().create(
            [
                {
                    "check_id": one.id,
                    "code": one.code,
                    "change": change,
                    "expression": one.expression,
                    "severity": one.severity,
                    "message": one.message,
                    "enabled": one.active,
                    "details": f"{one.each or 'cluster'}, {one.raise_after:g} s, "
                    f"{one.clear_after:g} s, {one.muted_by or '-'}",
                }
                for one in self
            ]
        )
        if self:
            self.env.cr.postcommit.add(self._hand_over_soon)

    def _hand_over_soon(self):
        # The transaction is over: this needs one of its own.
        with self.env.registry.cursor() as cursor:
            self.with_env(self.env(cr=cursor)).browse()._hand_over()

    @api.model
    def _hand_over(self):
        """Give this node's sidecar the checks, which it shares with the others and remembers.

        Called again from time to time: it may have been away.
        """
        newest = self.env["ha.check.revision"].search([], limit=1)
        if not newest:
            return
        checks = self.with_context(active_test=False).search([], limit=_MOST)
        data = {
            # By the database's clock: it rises even after a restored backup.
            "version": int(newest.create_date.timestamp() * 1000),
            "checks": [one._for_sidecar() for one in checks if one.active],
            "disabled": [one.code for one in checks if not one.active],
        }
        try:
            sidecar.ask("POST", "/checks", data)
        except (sidecar.SidecarAway, sidecar.Refused) as error:
            _logger.warning("The sidecar did not take the checks; tried again later: %s", error)
