"""The collector's public HTTP API, from Python: what `prove`, `bench` and `screenshot` read with."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from machine import Failure

TIMEOUT_SECONDS = 20


class Api:
    """A signed-in user."""

    def __init__(self, web: str, name: str, password: str) -> None:
        self.base = f"{web}/api/v1"
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        # Loopback needs no proxy, whatever the environment says.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
        self.csrf = ""
        me = self.send("POST", "/session", {"name": name, "password": password})
        self.csrf = me["csrf"]
        if me["must_change_password"]:
            # A password that was given is good for one thing: choosing another.
            self.send("PUT", "/me/password", {"current": password, "new": f"{password}, chosen"})

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def items(self, path: str) -> list[dict[str, Any]]:
        return self.get(path)["items"]

    def send(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "X-CSRF-Token": self.csrf}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}{path}", content, headers, method=method)
        try:
            with self.opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise Failure(f"{method} {path}: {error}") from error
        return json.loads(text) if text else None
