"""A node over HTTP: how it is, and its pages. Every question is bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from ha_setup.errors import SetupError
from ha_setup.rollout.settings import Rollout
from ha_setup.rollout.state import Look

_TIMEOUT = (2.0, 3.0)
_PAGE_TIMEOUT = (3.0, 120.0)  # a bundle of assets may have to be made
_ASSET = re.compile(r"""(?:href|src)=["']([^"']*/web/assets/[^"']+)["']""")
#: What somebody who is logged in loads; Odoo leads to the bundle that is current.
_BUNDLES = ("/web/assets/any/web.assets_web.min.js", "/web/assets/any/web.assets_web.min.css")
#: At a time: more than one worker shall have worked when it gets users again.
_AT_ONCE = 4


def token(file: Path | None) -> str | None:
    """Odoo's health_token. Raises SetupError."""
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"token_file: {file} can't be read ({error})") from None


def look_at_all(rollout: Rollout, secret: str | None) -> Mapping[str, Look]:
    """How each node is; a node that does not answer in time is not live."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(
            zip(
                rollout.nodes,
                pool.map(lambda name: _look(rollout, name, secret), rollout.nodes),
                strict=True,
            )
        )


def _look(rollout: Rollout, name: str, secret: str | None) -> Look:
    url = f"http://{rollout.nodes[name].address}:{rollout.health_port}/web/health"
    headers = {"Host": rollout.host, "Accept": "application/health+json"}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    with requests.Session() as http:
        http.trust_env = False
        try:
            answer = http.get(url, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
            started = http.get(
                url, params={"probe": "startup"}, headers=headers, timeout=_TIMEOUT,
                allow_redirects=False,
            ).status_code  # fmt: skip
            return judge(answer.status_code, answer.json(), started)
        except (requests.RequestException, ValueError):
            return Look()


def judge(status: int, body: Any, started: int) -> Look:
    """What the answers of `/web/health` mean. Pure."""
    said = body if isinstance(body, dict) else {}
    checks = said.get("checks") or {}
    free, workers = _value(checks, "workers:free"), _value(checks, "workers:all")
    busy = workers - free if isinstance(free, int) and isinstance(workers, int) else None
    return Look(
        live=True,
        started=started == 200,
        ready=status == 200 and said.get("status") == "pass",
        draining=bool(_value(checks, "node:draining")) if checks else None,
        busy=busy,
    )


def _value(checks: Mapping[str, Any], name: str) -> Any:
    try:
        return checks[name][0]["observedValue"]
    except (KeyError, IndexError, TypeError):
        return None


def warm(rollout: Rollout, name: str) -> str | None:
    """Fetch the login page, with all that it shows, and what users load first. None when all went well,
    else what did not."""
    base = f"http://{rollout.nodes[name].address}:{rollout.http_port}"
    query = f"?db={rollout.database}" if rollout.database else ""
    headers = {"Host": rollout.host}
    with requests.Session() as http:
        http.trust_env = False

        def fetch(path: str) -> str:
            # Redirects lead to the name that users know, which is the balancer's: only the path is ours.
            for _ in range(5):
                answer = http.get(
                    base + path, headers=headers, timeout=_PAGE_TIMEOUT, allow_redirects=False
                )
                if not answer.is_redirect:
                    break
                parts = urlsplit(urljoin(base + path, answer.headers["Location"]))
                path = parts.path + (f"?{parts.query}" if parts.query else "")
            if answer.status_code != 200:
                raise ValueError(f"{path}: {answer.status_code}")
            return answer.text

        try:
            page = fetch(f"/web/login{query}")
            assets = {urlsplit(found).path for found in _ASSET.findall(page)}
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(fetch, [*sorted(assets), *_BUNDLES, *[f"/web/login{query}"] * 8]))
        except (requests.RequestException, ValueError) as problem:
            return str(problem)
    return None
