"""A user of a rendered cluster: ``python user.py URL HOST SECONDS NAME`` creates one partner after the
other and prints a line of JSON for each: its number, how it ended, when it began, how long it took.

Runs where the cluster's network is, so it is a program of its own, of nothing but Python.
"""

from __future__ import annotations

import http.cookiejar
import json
import ssl
import sys
import time
import urllib.request

PATIENCE_S = 120


def main(url: str, host: str, seconds: str, name: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )

    def call(path: str, parameters: object) -> object:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": parameters}).encode()
        headers = {"Content-Type": "application/json", "Host": host}
        request = urllib.request.Request(url + path, body, headers)  # noqa: S310
        with opener.open(request, timeout=PATIENCE_S) as answer:
            said = json.load(answer)
        if "error" in said:
            raise ValueError(said["error"].get("data", {}).get("message") or said["error"])
        return said["result"]

    login = {"db": "production", "login": "admin", "password": "admin"}
    call("/web/session/authenticate", login)
    print(json.dumps({"ready": True}), flush=True)
    end = time.time() + float(seconds)
    number = 0
    while time.time() < end:
        number += 1
        began = time.time()
        outcome = "ok"
        try:
            call(
                "/web/dataset/call_kw/res.partner/create",
                {
                    "model": "res.partner",
                    "method": "create",
                    "args": [[{"name": f"{name}-{number}"}]],
                    "kwargs": {},
                },
            )
        except (OSError, ValueError) as error:
            outcome = f"{type(error).__name__}: {error}"
        row = {"row": number, "outcome": outcome, "began": began, "took": time.time() - began}
        print(json.dumps(row), flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
