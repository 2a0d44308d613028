"""What the API answers about alerts. Who may ask is the listener's business.

=======================  ===========================================================================
GET /alerts              the alerts that are raised, and who tells them
GET /checks              the checks in force, those that come along, the present state
POST /alerts/silence     ``{"id", "seconds", "by"}``: tell nothing of an alert, or of a whole check
POST /alerts/unsilence   ``{"id"}``
POST /alerts/forget      ``{"name"}``: a node or standby that is gone for good
POST /alerts/test        send a test message from here
POST /checks             ``{"version", "checks", "disabled"}``: the checks made in Odoo
POST /checks/try         ``{"check"}``: judge the present state by it, tell nobody
=======================  ===========================================================================
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import ConfigError, SourceError
from .alerter import Alerter
from .checks import DEFAULTS, CheckError, check_from, checks_from, merged
from .decide import evaluate

#: Seconds of a silence.
LONGEST_SILENCE = 30 * 86_400
#: An alert's id, a check's, a node's or a standby's name: part of a key in etcd.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/ -]{0,199}")

Json = Mapping[str, Any]
Answer = tuple[int, Json]


class Refused(ValueError):
    """The request is wrong; the text says how."""


class AlertRoutes:
    """``test`` sends a test message and tells who took it; it raises ConfigError."""

    def __init__(self, alerter: Alerter, test: Callable[[], Json]) -> None:
        self._alerter = alerter
        self._test = test
        self._posts: Mapping[str, Callable[[Json], Json]] = {
            "/alerts/silence": self._silence,
            "/alerts/unsilence": self._unsilence,
            "/alerts/forget": self._forget,
            "/alerts/test": lambda _: {"sent": self._test()},
            "/checks": self._take_checks,
            "/checks/try": self._try,
        }

    def pages(self) -> dict[str, Callable[[], Any]]:
        """What GET answers, by path."""
        return {"/alerts": self._alerter.overview, "/checks": self._checks}

    def orders(self) -> dict[str, Callable[[Json], Answer]]:
        """What POST does, by path."""
        return {path: partial(_answer, action) for path, action in self._posts.items()}

    def _checks(self) -> Json:
        return {
            "version": self._alerter.checks_version,
            "checks": [one.for_json() for one in self._alerter.checks()],
            "defaults": [one.for_json() for one in DEFAULTS],
            "state": self._alerter.present(),
        }

    def _silence(self, data: Json) -> Json:
        name, seconds = _id(data, "id"), data.get("seconds", 3600)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not (
            0 < seconds <= LONGEST_SILENCE
        ):  # fmt: skip
            raise Refused(f"seconds should be a number above 0, up to {LONGEST_SILENCE}")
        value = {"until": time.time() + seconds, "by": str(data.get("by", ""))[:100]}
        self._alerter.change(f"silences/{name}", value)
        return {"id": name, "until": value["until"]}

    def _unsilence(self, data: Json) -> Json:
        name = _id(data, "id")
        self._alerter.change(f"silences/{name}", None)
        return {"id": name}

    def _forget(self, data: Json) -> Json:
        name = _id(data, "name")
        self._alerter.change(f"forget/{name}", {"at": time.time()})
        return {"name": name}

    def _take_checks(self, data: Json) -> Json:
        version, disabled = data.get("version"), data.get("disabled", [])
        if isinstance(version, bool) or not isinstance(version, int):
            raise Refused("version should be a whole number")
        if not isinstance(disabled, list) or not all(isinstance(one, str) for one in disabled):
            raise Refused("disabled should be a list of checks")
        own = checks_from(data.get("checks", []))
        present = self._alerter.checks_version
        if version < present:
            raise Refused(f"version {version} is older than {present}, which is in force")
        value = {
            "version": version,
            "checks": [one.for_json() for one in own],
            "disabled": disabled,
        }
        if version > present:
            self._alerter.change("checks", value)
        return {"version": version, "checks": len(merged(own, disabled))}

    def _try(self, data: Json) -> Json:
        if not isinstance(data.get("check"), dict):
            raise Refused("check should be an object")
        check = check_from(data["check"])
        return {
            "results": [
                {
                    "alert": one.alert,
                    "holds": one.holds,
                    "message": one.message,
                    "reason": one.reason,
                }
                for one in evaluate([check], self._alerter.present())
            ]
        }


def _answer(action: Callable[[Json], Json], data: Json) -> Answer:
    try:
        return 200, action(data)
    except (Refused, CheckError) as error:
        return 400, {"error": str(error)}
    except (SourceError, ConfigError) as error:
        return 503, {"error": str(error)}


def _id(data: Json, field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Refused(f"{field} should be the id of an alert or check, such as redis_down")
    return value
