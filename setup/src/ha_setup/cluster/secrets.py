"""Passwords of one cluster: made once, kept in files of mode 0600, never on a command line."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ha_setup.errors import ClusterError
from ha_setup.files import write_file

FILE_NAME = "cluster.json"


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Secrets:
    """Every password of the cluster. Its repr shows none."""

    postgres: str = field(default_factory=_password, repr=False)
    replication: str = field(default_factory=_password, repr=False)
    rewind: str = field(default_factory=_password, repr=False)
    odoo: str = field(default_factory=_password, repr=False)
    probe: str = field(default_factory=_password, repr=False)
    redis: str = field(default_factory=_password, repr=False)
    s3_access_key: str = field(default_factory=_password, repr=False)
    s3_secret_key: str = field(default_factory=_password, repr=False)
    odoo_master: str = field(default_factory=_password, repr=False)
    odoo_admin: str = field(default_factory=_password, repr=False)
    odoo_user: str = field(default_factory=_password, repr=False)


def load_or_create(directory: Path) -> Secrets:
    """The cluster's passwords; made at the first call.

    Raises ClusterError when the file is there and is not ours to read.
    """
    file = directory / FILE_NAME
    try:
        raw = json.loads(file.read_text())
        return Secrets(**{f.name: str(raw[f.name]) for f in fields(Secrets)})
    except FileNotFoundError:
        made = Secrets()
        write_file(file, json.dumps(asdict(made), indent=1), mode=0o600)
        return made
    except PermissionError:
        raise ClusterError(
            f"{file} belongs to another user ({_owner(file)}): run as that user"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ClusterError(
            f"{file} is not a complete set of passwords: run `demo down --purge` and start again"
        ) from None


def _owner(file: Path) -> str:
    try:
        return f"user id {os.stat(file).st_uid}"
    except OSError:
        return "unknown"
