"""Words of the plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ha_setup.inventory import Host


def block(*commands: str) -> str:
    return "\n".join(["```", *commands, "```"])


def names(hosts: Mapping[str, Host]) -> str:
    return ", ".join(hosts)
