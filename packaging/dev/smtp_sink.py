#!/usr/bin/env python3
"""A mail server that delivers nothing: it keeps every mail it accepts as files in one folder.

`make run` uses it where no SMTP server is configured, and the system stories use it as the far end of
every delivery. It speaks STARTTLS with a certificate of a throw-away authority and insists on a password,
so the collector's real path is used; its switches make it refuse, fail for a while, or offer no TLS.

Usage: smtp_sink.py --directory DIR [--port N] [--refuse CODE | --tempfail N] [--no-tls | --implicit-tls]

It prints one JSON line when it listens: {"host", "port", "user", "password", "ca", "mails"}. The same
line stands in DIR/sink.json, readable by its owner only. For each mail: NNNN.eml (the raw bytes),
NNNN.txt (what a reader sees), and one JSON line in DIR/index.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"
NAME = "localhost"
USER = "vong"
# Our mails are a few kilobytes; a larger one is a fault that should be seen, not stored.
MAIL_BYTES_MAX = 1 << 20
# A folder of `make run` may be used for years.
CERTIFICATE_DAYS = "3650"


class Mailbox:
    """The folder of caught mails, and the answer that each new mail gets."""

    def __init__(self, folder: Path, refuse_code: int | None, temporary_failures: int) -> None:
        self.folder = folder
        self.refuse_code = refuse_code
        self.temporary_failures_left = temporary_failures
        self.count = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each complete mail; the return value is the reply."""
        if self.refuse_code is not None:
            return f"{self.refuse_code} refused, as this sink was told to"
        if self.temporary_failures_left > 0:
            self.temporary_failures_left -= 1
            return "451 try again later, as this sink was told to say"
        self.keep(envelope)
        return f"250 kept as {self.count:04}.eml"

    def keep(self, envelope: Envelope) -> None:
        """The index line comes last: a reader who sees it finds the files complete."""
        received_ms = time.time_ns() // 1_000_000
        raw = cast(bytes, envelope.original_content)
        self.count += 1
        name = f"{self.count:04}"
        (self.folder / f"{name}.eml").write_bytes(raw)
        message = cast(EmailMessage, message_from_bytes(raw, policy=policy.default))
        (self.folder / f"{name}.txt").write_text(readable(message), encoding="utf-8")
        line = {
            "file": f"{name}.eml",
            "received_ms": received_ms,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(message.get("Subject", "")),
        }
        with (self.folder / "index.jsonl").open("a", encoding="utf-8") as index:
            index.write(json.dumps(line, ensure_ascii=False) + "\n")


def readable(message: EmailMessage) -> str:
    """The mail as its reader sees it: the four headers that matter and the plain text."""
    headers = [f"{name}: {message.get(name, '')}" for name in ("From", "To", "Date", "Subject")]
    body = message.get_body(preferencelist=("plain", "html"))
    text = body.get_content() if body is not None else ""
    return "\n".join(headers) + "\n\n" + text


def password_check(expected: str):
    """An aiosmtpd authenticator that knows one user."""

    def check(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        known = isinstance(data, LoginPassword) and (
            secrets.compare_digest(data.login, USER.encode()) and secrets.compare_digest(data.password, expected.encode())
        )
        return AuthResult(success=known, handled=False)

    return check


def tls_context(folder: Path) -> ssl.SSLContext:
    """A certificate for localhost, signed by an authority made for it; both are made once per folder."""
    key, chain = folder / "tls.key", folder / "tls.pem"
    if not chain.exists():
        make_certificates(folder, key, chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def make_certificates(folder: Path, key: Path, chain: Path) -> None:
    authority_key, authority = folder / "ca.key", folder / "ca.pem"
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", CERTIFICATE_DAYS]
    openssl(["req", "-x509", *new_key, "-keyout", authority_key, "-out", authority, "-subj", "/CN=Vong mail sink"])
    names = f"subjectAltName=DNS:{NAME},IP:{HOST}"
    openssl([
        "req", "-x509", *new_key, "-keyout", key, "-out", chain, "-subj", f"/CN={NAME}",
        "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
        "-CA", authority, "-CAkey", authority_key,
    ])  # fmt: skip
    # Nobody needs the authority's key again, and what does not exist cannot leak.
    authority_key.unlink()


def openssl(arguments: list[str | Path]) -> None:
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise SystemExit(f"smtp_sink: openssl {arguments[0]} failed: {result.stderr.strip()}")


def announce(folder: Path, port: int, password: str, with_tls: bool) -> None:
    line = json.dumps({
        "host": NAME,
        "port": port,
        "user": USER,
        "password": password,
        "ca": str(folder / "ca.pem") if with_tls else None,
        "mails": str(folder),
    })  # fmt: skip
    record = folder / "sink.json"
    record.touch(mode=0o600)
    record.write_text(line + "\n", encoding="utf-8")
    print(line, flush=True)


def known_password(folder: Path) -> str:
    """The same password after a restart in the same folder, so that a configuration stays true."""
    try:
        return cast(str, json.loads((folder / "sink.json").read_text(encoding="utf-8"))["password"])
    except (OSError, ValueError, KeyError):
        return secrets.token_urlsafe(18)


async def serve(options: argparse.Namespace) -> None:
    folder: Path = options.directory.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    password = known_password(folder)
    mailbox = Mailbox(folder, options.refuse, options.tempfail)
    context = None if options.no_tls else tls_context(folder)
    starttls = None if options.implicit_tls else context

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname=NAME,
            data_size_limit=MAIL_BYTES_MAX,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=password_check(password),
            auth_required=True,
            auth_require_tls=starttls is not None,
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, stopped.set)
    server = await loop.create_server(session, HOST, options.port, ssl=context if options.implicit_tls else None)
    announce(folder, server.sockets[0].getsockname()[1], password, context is not None)
    await stopped.wait()
    server.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, required=True, help="where mails and certificates are kept")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    trouble = parser.add_mutually_exclusive_group()
    trouble.add_argument("--refuse", type=int, metavar="CODE", help="answer every mail with this code, such as 550")
    trouble.add_argument("--tempfail", type=int, default=0, metavar="N", help="answer the first N mails with 451")
    tls = parser.add_mutually_exclusive_group()
    tls.add_argument("--no-tls", action="store_true", help="offer no STARTTLS")
    tls.add_argument("--implicit-tls", action="store_true", help="TLS from the first byte instead of STARTTLS")
    return parser.parse_args()


def main() -> int:
    if shutil.which("openssl") is None:
        print("smtp_sink: openssl is missing (Debian: apt-get install openssl)", file=sys.stderr)
        return 1
    try:
        asyncio.run(serve(arguments()))
    except OSError as error:
        print(f"smtp_sink: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
