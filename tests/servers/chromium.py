"""A real Chromium without a screen, driven by the DevTools protocol. Debian's package chromium."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import websocket

_START = 60.0  # seconds


class PageError(Exception):
    """What the page's script threw."""


class Chromium:
    """One page. For a ``with`` block; raises TimeoutError for what doesn't come in time."""

    def __init__(self, *, width: int = 1400, height: int = 1000) -> None:
        binary = shutil.which("chromium") or shutil.which("google-chrome")
        if binary is None:
            raise FileNotFoundError("no Chromium: apt-get install chromium")
        self._home = Path(tempfile.mkdtemp(prefix="odoo-ha-chromium-"))
        self._process = subprocess.Popen(
            [
                binary,
                "--headless=new",
                "--no-sandbox",
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--hide-scrollbars",
                "--lang=en-GB",
                "--remote-debugging-port=0",
                "--remote-allow-origins=*",
                f"--user-data-dir={self._home}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC"},
            start_new_session=True,
        )
        self._calls = 0
        try:
            self._socket = websocket.create_connection(self._page_address(), timeout=30)
            self.resize(width, height)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and remove what it kept."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        shutil.rmtree(self._home, ignore_errors=True)

    def _page_address(self) -> str:
        deadline = time.monotonic() + _START
        told = self._home / "DevToolsActivePort"
        while time.monotonic() < deadline:
            if told.exists() and (lines := told.read_text().splitlines()):
                address = f"http://127.0.0.1:{lines[0]}/json/list"
                with urllib.request.urlopen(address, timeout=10) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                if pages:
                    return str(pages[0]["webSocketDebuggerUrl"])
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise TimeoutError(f"Chromium did not start within {_START:g} s")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") != self._calls:
                continue  # an event
            if "error" in answer:
                raise PageError(f"{method}: {answer['error']['message']}")
            return dict(answer["result"])

    def go(self, url: str) -> None:
        """Open ``url``."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise's once it is kept."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return found["result"].get("value")

    def wait_for(self, script: str, timeout: float) -> Any:
        """Wait until the expression is true; return it (true for an element)."""
        plain = f"((found) => found instanceof Node ? true : found)({script})"
        deadline = time.monotonic() + timeout
        while True:
            try:
                if found := self.run(plain):
                    return found
            except PageError:
                pass  # between two pages
            if time.monotonic() > deadline:
                text = self.run("document.body ? document.body.innerText.slice(0, 1500) : ''")
                raise TimeoutError(f"{script} is not true after {timeout:g} s; the page:\n{text}")
            time.sleep(0.1)

    def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """As on a screen of that size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )

    def screenshot(self, path: Path) -> None:
        """Write what is to be seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
