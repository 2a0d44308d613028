"""``ha-sidecar drain`` and ``undrain``: the file that takes this node out of the balancers."""

from __future__ import annotations

from pathlib import Path

from .errors import ConfigError
from .node import Switch
from .settings import Settings


def drain_path(settings: Settings) -> Path:
    """Return where the file is: both this sidecar and its node's Odoo look at it."""
    return settings.drain_path or settings.topology_path.with_name("drain")


def put(path: Path, to: Switch) -> None:
    """Put the node into that state. Raises OSError."""
    if to is Switch.OFF:
        path.unlink(missing_ok=True)
    # Its age tells since when: asked for again, it is not written again.
    elif not path.exists() or path.read_text() != f"{to}\n":
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(f"{to}\n")
        temporary.chmod(0o644)
        temporary.replace(path)


def switch(settings: Settings, to: Switch) -> int:
    """Put the node into that state and say so; works without a running sidecar."""
    path = drain_path(settings)
    try:
        put(path, to)
    except OSError as error:
        raise ConfigError(
            f"drain_path: {path} can't be changed ({error.strerror}); it should be a file in a"
            " directory that exists and that you may write to"
        ) from None
    if to is Switch.OFF:
        print("the node is not drained: it gets requests as soon as it is ready")
    else:
        print(f"the node is in {to}: no new requests, those under way go on; end it with undrain")
    return 0
