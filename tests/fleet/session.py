"""A signed-in administrator of a collector: its public API, and its command line for what the API does not do."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any

TIMEOUT_SECONDS = 120
# The most that one page holds.
PAGE = 200


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {status} {text}")
        self.status = status
        self.text = text


class Session:
    def __init__(self, program: str, config: str, web: str) -> None:
        self.program = program
        self.config = config
        self.base = f"{web}/api/v1"
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        # Loopback needs no proxy, whatever the environment says.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
        self.csrf = ""
        self.sign_in()

    def sign_in(self) -> None:
        """As somebody new each time: a password that was given is good once."""
        name = f"recount{len(self.admin('user', 'list')['items'])}"
        given = self.admin("user", "add", "--name", name, "--role", "administrator")["password"]
        me = self.send("POST", "/session", {"name": name, "password": given})
        self.csrf = me["csrf"]
        if me["must_change_password"]:
            self.send("PUT", "/me/password", {"current": given, "new": f"{given}, chosen"})

    def admin(self, *arguments: str) -> Any:
        argv = [self.program, *arguments, "--config", self.config, "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SystemExit(f"vong-collector {' '.join(arguments)}: {done.stderr.strip()}")
        answer = json.loads(done.stdout) if done.stdout.strip() else None
        return {"items": answer} if isinstance(answer, list) else answer

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        is_file = isinstance(body, bytes)
        content = body if is_file or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/octet-stream" if is_file else "application/json", "X-CSRF-Token": self.csrf}
        request = urllib.request.Request(f"{self.base}{path}", content, headers, method=method)
        try:
            with self.opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}", error.code, error.read().decode(errors="replace")) from error
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text.decode("utf-8-sig")

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """All items of a list."""
        mark = "&" if "?" in path else "?"
        after = ""
        while True:
            page = self.get(f"{path}{mark}limit={PAGE}{after}")
            yield from page["items"]
            if not page["next_cursor"]:
                return
            after = f"&cursor={urllib.parse.quote(page['next_cursor'])}"
