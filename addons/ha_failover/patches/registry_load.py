"""Seam: ``Registry.load``."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch, apply


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(self: Any, module: Any) -> list[str]:
        if module.name == "bus":
            from . import bus_dispatch, websocket  # noqa: PLC0415 (import nothing of bus before)

            apply(
                bus_dispatch.PATCH_LOOP,
                bus_dispatch.PATCH_RUN,
                websocket.PATCH_MESSAGE,
                websocket.PATCH_NOTIFICATIONS,
            )
        loaded: list[str] = original(self, module)
        return loaded

    return load


PATCH = Patch(
    name="registry-load",
    target="odoo.orm.registry:Registry.load",
    reason="The addon bus is imported when the first database that has it is loaded, after the "
    "server-wide modules, or never; only then can it be patched.",
    checked_on="19.0",
    contains=("def load(self, module: module_graph.ModuleNode) -> list[str]:",),
    wrap=_wrap,
)
