"""Loads the settings: command line > environment HA_SIDECAR_* > TOML file > default.

Raises ConfigError, whose text names the setting, where it was given, and the remedy.
"""

from __future__ import annotations

import difflib
import os
import ssl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .settings import DECLARED, Settings, is_required

PREFIX = "HA_SIDECAR_"
#: The variable that names the file is no setting of the file.
CONFIG_VARIABLE = PREFIX + "CONFIG"

#: A setting that is of no use without another.
_NEEDS = {
    "etcd_username": "etcd_password_file",
    "etcd_password_file": "etcd_username",
    "etcd_cert": "etcd_key",
    "patroni_username": "patroni_password_file",
    "patroni_password_file": "patroni_username",
    "etcd_key": "etcd_cert",
    "listen": "token_file",
    "health_listen": "odoo_url",
    "agent_listen": "odoo_url",
    "odoo_token_file": "odoo_url",
}
_FILES = (
    "alert_urls_file",
    "etcd_password_file",
    "odoo_token_file",
    "etcd_ca",
    "etcd_cert",
    "etcd_key",
    "patroni_ca",
    "patroni_password_file",
    "pgbouncer_password_file",
    "probe_password_file",
    "probe_sslrootcert",
    "token_file",
)
#: A token that could be guessed is refused.
_SHORTEST_TOKEN = 16


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
    """Return the settings, each from the first source that gives it."""
    given: dict[str, tuple[object, str]] = {}
    for name, value in _read_file(file).items():
        given[_known(name, f"in {file}", DECLARED)] = (value, f"in {file}")
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            known = {PREFIX + name.upper(): name for name in DECLARED}
            name = known[_known(variable, "in the environment", known)]
            given[name] = (text, f"from {variable}")
    for name, text in flags.items():
        given[name] = (text, f"from --{name.replace('_', '-')}")
    values = {name: _parse(name, value, where) for name, (value, where) in given.items()}
    for name in DECLARED:
        if is_required(name) and not values.get(name):
            example = DECLARED[name].metadata["example"]
            raise ConfigError(
                f"{name} is missing: set it in the configuration file, for example"
                f" {name} = {example}, or as {PREFIX}{name.upper()}"
            )
    settings = Settings(**values)
    _check_together(settings)
    return settings


def read_secret(name: str, path: Path) -> str:
    """Return the one line that ``path`` holds; ``name`` is the setting it came from."""
    what = "token" if name.endswith("token_file") else "password"
    try:
        secret = path.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise ConfigError(
            f"{name}: {path} can't be read ({why}); it should be a file that holds the {what}"
            f" and that user {_user()} may read"
        ) from None
    if not secret:
        raise ConfigError(f"{name}: {path} is empty; it should hold the {what}")
    return secret


def read_lines(name: str, path: Path) -> list[str]:
    """Return the lines of ``path`` that hold something; ``#`` begins a comment. None is repeated."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise ConfigError(f"{name}: {path} can't be read ({why})") from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ConfigError(f"{name}: {path} is empty; it should hold one URL a line")
    return found


def _user() -> str:
    return os.environ.get("USER") or str(os.geteuid())


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(
            f"--config: {file} can't be read ({error.strerror}); it should be a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config: {file} isn't TOML: {error}") from None


def _known(name: str, where: str, known: Mapping[str, object]) -> str:
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "; see the configuration reference"
    raise ConfigError(f"{name} ({where}) is no setting{hint}")


def _parse(name: str, value: object, where: str) -> Any:
    try:
        return DECLARED[name].metadata["parse"](value)
    except ValueError as error:
        # An URL may hold a password by mistake, so its value isn't repeated.
        shown = "" if "endpoints" in name or "urls" in name else f" is {value!r},"
        raise ConfigError(f"{name} ({where}){shown} should be {error}") from None


def _check_together(settings: Settings) -> None:
    for name, other in _NEEDS.items():
        if getattr(settings, name) and not getattr(settings, other):
            raise ConfigError(f"{name} is set without {other}: set both or neither")
    for name in _FILES:
        path = getattr(settings, name)
        if path is None:
            continue
        if name == "token_file":
            if len(read_secret(name, path)) < _SHORTEST_TOKEN:
                raise ConfigError(
                    f"token_file: the token in {path} should have at least {_SHORTEST_TOKEN}"
                    " characters, such as `openssl rand -hex 32` gives"
                )
        elif name.endswith("password_file"):
            read_secret(name, path)
        elif not os.access(path, os.R_OK) or not path.is_file():
            raise ConfigError(f"{name}: {path} is no file that user {_user()} may read")
    _check_certificates(settings)
    for name in ("probe_interval", "probe_timeout"):
        if getattr(settings, name) >= settings.prove_timeout:
            raise ConfigError(
                f"{name} ({getattr(settings, name):g} s) should be below"
                f" prove_timeout ({settings.prove_timeout:g} s), or proofs come too late to count"
            )


def _check_certificates(settings: Settings) -> None:
    """Each new connection reads the files again; these are the faults that time won't mend."""
    for name in ("etcd_ca", "patroni_ca", "probe_sslrootcert"):
        path = getattr(settings, name)
        try:
            if path is not None:
                ssl.create_default_context(cafile=str(path))
        except ssl.SSLError:
            raise ConfigError(f"{name}: {path} should hold CA certificates in PEM") from None
    certificate, key = settings.etcd_cert, settings.etcd_key
    if certificate is None or key is None:
        return
    try:
        # Without a word of its own OpenSSL would ask a terminal for it.
        ssl.create_default_context().load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError):
        raise ConfigError(
            f"etcd_cert, etcd_key: {certificate} and {key} should be a certificate and its key,"
            " both in PEM, the key without a passphrase"
        ) from None
