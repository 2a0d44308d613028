"""What one host tells about itself: odoo.conf, files' permissions, disks, its clock, its own ports.

Nothing but the standard library: on other hosts it is the program that `python3 -` reads from its
input. Passwords leave the host as digests only, keyed with the caller's `salt`.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import hmac
import json
import os
import pwd
import re
import shutil
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

HTTP_TIMEOUT_S = 5.0
SECRET = re.compile(r"password|passwd|secret|token", re.IGNORECASE)
PREFIX = "ODOO_HA_"
#: Of the process's environment, only these.
LIBPQ = ("PGTARGETSESSIONATTRS", "PGCONNECT_TIMEOUT", "PGSSLMODE", "PGSSLROOTCERT", "PGOPTIONS")


def facts(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request: `configs` (the first that is there is read), `topology`, `files`, `disks`,
    `texts`, `urls`, `salt`. Whatever can't be had is told as {"error": …}."""
    salt = str(request["salt"]).encode()
    found: dict[str, Any] = {
        "files": {path: _file(path) for path in request.get("files", ())},
        "disks": {path: _disk(path) for path in request.get("disks", ())},
        "texts": {path: _text(path) for path in request.get("texts", ())},
        "urls": {url: _ask(url) for url in request.get("urls", ())},
    }
    if request.get("configs"):
        found["odoo"] = _odoo(list(request["configs"]), salt)
    if request.get("topology"):
        found["topology"] = _text(request["topology"])
    found["now"] = time.time()
    return found


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def _file(path: str) -> dict[str, Any]:
    try:
        status = os.stat(path)
    except OSError as error:
        return {"error": _reason(error)}
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    mode = stat.S_IMODE(status.st_mode)
    return {"mode": mode, "owner": owner, "closed": _closed(os.path.dirname(path))}


def _closed(directory: str) -> bool:
    """Whether a directory on the way keeps everybody but its owner and group out."""
    while True:
        with contextlib.suppress(OSError):
            if not os.stat(directory).st_mode & stat.S_IXOTH:
                return True
        if directory in ("/", ""):
            return False
        directory = os.path.dirname(directory)


def _disk(path: str) -> dict[str, Any]:
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        return {"error": _reason(error)}
    return {"total": usage.total, "free": usage.free}


def _text(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            return {"text": stream.read(1 << 20)}
    except (OSError, ValueError) as error:
        return {"error": _reason(error)}


def _ask(url: str) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=HTTP_TIMEOUT_S) as answer:
            return {"status": answer.status, "body": answer.read(4096).decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": ""}
    except (OSError, ValueError) as error:
        return {"error": _reason(error)}


def _odoo(configs: list[str], salt: bytes) -> dict[str, Any]:
    file = next((path for path in configs if os.path.exists(path)), configs[-1])
    parser = configparser.RawConfigParser()
    try:
        with open(file, encoding="utf-8") as stream:
            parser.read_file(stream)
        changed = os.stat(file).st_mtime
    except (OSError, ValueError, configparser.Error) as error:
        return {"file": file, "error": _reason(error)}
    options = dict(parser["options"]) if parser.has_section("options") else {}
    ha = dict(parser["ha"]) if parser.has_section("ha") else {}
    running = process(file)
    environment = None if running is None else running["environment"]
    ha = with_environment(ha, environment or {})
    return {
        "file": file,
        "options": {key: _masked(key, value, salt) for key, value in options.items()},
        "ha": {key: _masked(key, value, salt) for key, value in ha.items()},
        "environment": None
        if environment is None
        else {key: value for key, value in environment.items() if key in LIBPQ},
        "stale": max(0.0, changed - running["started"]) if running else 0.0,
    }


def with_environment(ha: dict[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The [ha] section with what wins over it: ODOO_HA_<NAME>, and ODOO_HA_<NAME>_FILE over both."""
    found = dict(ha)
    for name, value in sorted(environment.items(), key=lambda item: item[0].endswith("_FILE")):
        if name.startswith(PREFIX):
            key = name[len(PREFIX) :].lower()
            if key.endswith("_file"):
                found[key[: -len("_file")]] = _text(value).get("text", "").rstrip("\r\n")
            else:
                found[key] = value
    return found


def _masked(key: str, value: str, salt: bytes) -> str:
    """The value; a digest of it if it is a secret, or an address with one in it."""
    if SECRET.search(key) or re.search(r"://[^/\s]*@", value):
        return "digest:" + hmac.new(salt, value.encode(), hashlib.sha256).hexdigest()[:16]
    return value


def process(config: str) -> dict[str, Any] | None:
    """The oldest process that was started with this odoo.conf, with its environment."""
    oldest: tuple[float, str] | None = None
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as stream:
                words = stream.read().decode(errors="replace").split("\0")
            if not any(word == config or word.endswith(f"={config}") for word in words):
                continue
            with open(f"/proc/{pid}/stat") as stream:
                text = stream.read()
            if "odoo" not in " ".join(words[:3]):
                continue
            # The 22nd field, counted behind the name in parentheses: ticks since the boot.
            started = float(text.rpartition(")")[2].split()[19])
        except (OSError, IndexError, ValueError):
            continue
        if oldest is None or started < oldest[0]:
            oldest = (started, pid)
    if oldest is None:
        return None
    try:
        with open(f"/proc/{oldest[1]}/environ", "rb") as stream:
            pairs = stream.read().decode(errors="replace").split("\0")
        with open("/proc/uptime") as stream:
            uptime = float(stream.read().split()[0])
    except (OSError, ValueError):
        return None
    age = uptime - oldest[0] / os.sysconf("SC_CLK_TCK")
    return {
        "environment": dict(pair.split("=", 1) for pair in pairs if "=" in pair),
        "started": time.time() - age,
    }


def main(request: str) -> None:
    """Print the answer as JSON."""
    print(json.dumps(facts(json.loads(request))))
