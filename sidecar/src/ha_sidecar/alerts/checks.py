"""What is watched: a check, how it is read from JSON, and the checks that come along. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from .expression import Expression, ExpressionError, Unknown
from .snapshot import EXAMPLE, KINDS

#: Most checks of a set, and characters of a message.
MOST_CHECKS = 100
MOST_MESSAGE = 300
#: Seconds that a check may wait, at most.
LONGEST_WAIT = 86_400.0

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PLACE = re.compile(r"\{([^{}]*)\}")


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class CheckError(ValueError):
    """A check is wrong; the text names the field, the reason and the remedy."""


@dataclass(frozen=True)
class Check:
    """One check. It raises an alert while ``expression`` holds, one for each object of ``each``.

    ``raise_after`` and ``clear_after`` are seconds for which it must hold, or not hold any more.
    While a check named in ``muted_by`` holds, nothing is told of this one.
    """

    id: str
    expression: str
    message: str
    severity: Severity = Severity.WARNING
    each: str = ""
    raise_after: float = 3.0
    clear_after: float = 3.0
    muted_by: tuple[str, ...] = ()

    def names(self, state: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """The alerts that it may raise: the id, and what its expression may use."""
        if not self.each:
            return [(self.id, dict(state))]
        objects = state[KINDS[self.each]]
        return [(f"{self.id}:{one['name']}", {**state, self.each: one}) for one in objects]

    def text(self, names: Mapping[str, Any]) -> str:
        """The message with its places filled in; what isn't known is ``?``."""
        return _PLACE.sub(lambda place: _shown(Expression(place[1]), names), self.message)

    def for_json(self) -> dict[str, Any]:
        return {**asdict(self), "severity": str(self.severity), "muted_by": list(self.muted_by)}


def _shown(expression: Expression, names: Mapping[str, Any]) -> str:
    try:
        value = expression.value(names)
    except (Unknown, ExpressionError):
        return "?"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "?"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def check_from(data: Mapping[str, Any]) -> Check:
    """Read one check, and try it on an example. Raises CheckError."""
    name = data.get("id")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CheckError(f"id {name!r} should be a word of a-z, 0-9 and _, such as redis_down")
    fields = {each: data[each] for each in Check.__dataclass_fields__ if each in data}
    if unknown := sorted(set(data) - set(fields)):
        raise CheckError(f"{name}: there is no field {unknown[0]}")
    try:
        severity = Severity(fields.get("severity", "warning"))
    except ValueError:
        raise CheckError(f"{name}: severity should be one of {', '.join(Severity)}") from None
    each = fields.get("each") or ""
    if each and each not in KINDS:
        raise CheckError(f"{name}: each should be empty or one of {', '.join(KINDS)}")
    for field in ("raise_after", "clear_after"):
        seconds = fields.get(field, 3.0)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not (
            0 <= seconds <= LONGEST_WAIT
        ):  # fmt: skip
            raise CheckError(f"{name}: {field} should be seconds from 0 to {LONGEST_WAIT:.0f}")
        fields[field] = float(seconds)
    muted_by = fields.get("muted_by", ())
    if not isinstance(muted_by, (list, tuple)) or not all(isinstance(one, str) for one in muted_by):
        raise CheckError(f"{name}: muted_by should be a list of checks")
    for field in ("expression", "message"):
        if not isinstance(fields.get(field), str) or not fields[field].strip():
            raise CheckError(f"{name}: {field} is missing")
    if len(fields["message"]) > MOST_MESSAGE:
        raise CheckError(f"{name}: message is longer than {MOST_MESSAGE} characters")
    check = Check(**{**fields, "severity": severity, "each": each, "muted_by": tuple(muted_by)})
    _try(check)
    return check


def _try(check: Check) -> None:
    """Refuse what fails on an example in which every fact is known."""
    ((_, names),) = check.names(EXAMPLE)
    try:
        Expression(check.expression).holds(names)
    except ExpressionError as error:
        raise CheckError(f"{check.id}: expression: {error}") from None
    except Unknown as error:
        raise CheckError(f"{check.id}: expression: its value is never known ({error})") from None
    for place in _PLACE.findall(check.message):
        try:
            Expression(place).value(names)
        except ExpressionError as error:
            raise CheckError(f"{check.id}: message: {{{place}}}: {error}") from None


def checks_from(data: Any) -> tuple[Check, ...]:
    """Read a set of checks. Raises CheckError."""
    if not isinstance(data, list) or len(data) > MOST_CHECKS:
        raise CheckError(f"checks should be a list of at most {MOST_CHECKS}")
    if not all(isinstance(one, Mapping) for one in data):
        raise CheckError("each check should be an object")
    found = tuple(check_from(one) for one in data)
    names = [one.id for one in found]
    for one in found:
        if names.count(one.id) > 1:
            raise CheckError(f"{one.id} is there twice")
    return found


def merged(own: Iterable[Check], disabled: Iterable[str]) -> tuple[Check, ...]:
    """The checks that come along, with ``own`` in place of those with the same id or added, and without
    ``disabled``."""
    by_id = {one.id: one for one in (*DEFAULTS, *own)}
    left_out = set(disabled)
    return tuple(one for name, one in by_id.items() if name not in left_out)


_C, _W = Severity.CRITICAL, Severity.WARNING

#: The checks that come along. A database that has just changed its primary is given 20 s in which its
#: replicas find the new one: that is what a switchover is, and no alarm.
DEFAULTS: tuple[Check, ...] = (
    Check("primary_down", "primary is None and not any(node.proves for node in nodes)",
          "No PostgreSQL primary can be proven for {unproven_seconds} s (last: {last_primary}); "
          "requests wait, then fail", _C, raise_after=4),
    Check("standby_down", "not replica.streams and stable_seconds > 20",
          "Standby {replica.name} does not stream from the primary {last_primary}", _W, "replica",
          muted_by=("primary_down",)),
    Check("standby_lags", "replica.lag_seconds > 30 or replica.lag_bytes > 64 * 1024 * 1024",
          "Standby {replica.name} is {replica.lag_seconds} s and {replica.lag_bytes} bytes behind", _W, "replica",
          muted_by=("primary_down",)),
    Check("no_candidate", "not failover.candidates and stable_seconds > 20",
          "No standby could take over if the primary {last_primary} failed now", _C,
          muted_by=("primary_down",)),
    Check("failover_loses_data", "failover.loss_bytes > 16 * 1024 * 1024",
          "A failover now would lose {failover.loss_bytes} bytes of acknowledged writes", _W,
          raise_after=30, muted_by=("primary_down",)),
    Check("redis_down", "any(not node.redis for node in nodes)",
          "Redis does not answer to {redis_down_on}: sessions are kept in PostgreSQL", _C),
    Check("s3_down", "any(not node.s3 for node in nodes)",
          "S3 does not answer to {s3_down_on}: attachments that a node has not on its disk are errors",
          _C),
    Check("no_cron_leader", "cron_leads == 0",
          "No node runs scheduled actions", _C, raise_after=4, muted_by=("primary_down",)),
    Check("pool_without_node", "any(node.cron_unserved > 0 for node in nodes)",
          "Scheduled actions of a pool have no node that runs them (cron_pools)", _C, raise_after=30,
          muted_by=("primary_down", "no_cron_leader")),
    Check("node_down", "not node.serves and not node.draining",
          "The Odoo of {node.name} does not serve", _C, "node", muted_by=("primary_down",)),
    Check("node_gone", "not node.here",
          "Nothing is heard of node {node.name}: its sidecar is gone, perhaps with the host", _C,
          "node", raise_after=6),
    Check("node_draining_too_long", "node.draining_seconds > 1800",
          "{node.name} has been drained for {node.draining_seconds} s; ha-sidecar undrain brings it back",
          _W, "node"),
    Check("certificate_expires", "certificate.days < 14",
          "The certificate of {certificate.name} expires in {certificate.days} days", _W, "certificate"),
    Check("election_not_followed", 'source != "etcd"',
          "etcd is away for {alerter}: the election is followed by {source}", _W, raise_after=30),
)  # fmt: skip
