"""A PostgreSQL cluster of our own for the length of a test run.

It lies in a temporary folder, listens on loopback with a random password, and is gone afterwards: no
service of this machine is touched, and none has to run. PostgreSQL refuses to run as root, so root
hands it to the user `postgres` that Debian's package made.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import Failure

# The tests measure behaviour, not durability: without fsync they take a third of the time.
SETTINGS = ("fsync=off", "listen_addresses=127.0.0.1", "max_connections=60")
START_SECONDS = 30


@contextmanager
def cluster() -> Iterator[str]:
    """Starts one, gives its URL, and stops and deletes it."""
    binaries = newest_binaries()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="vong-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        password = secrets.token_hex(16)
        initialise(binaries, folder, user, password)
        port = free_port()
        start(binaries, folder, user, port)
        try:
            yield f"postgres://vong:{password}@127.0.0.1:{port}/postgres"
        finally:
            pg_ctl(binaries, folder, user, ["stop", "--mode=immediate"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def newest_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Failure("PostgreSQL is missing (Debian: apt-get install postgresql)")
    return found[-1].parent


def initialise(binaries: Path, folder: Path, user: str | None, password: str) -> None:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user is not None:
        shutil.chown(secret, user)
    options = ["--username=vong", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    call(user, [binaries / "initdb", f"--pgdata={folder / 'data'}", f"--pwfile={secret}", *options])
    secret.unlink()


def start(binaries: Path, folder: Path, user: str | None, port: int) -> None:
    settings = [*SETTINGS, f"port={port}", f"unix_socket_directories={folder}"]
    options = " ".join(f"-c {setting}" for setting in settings)
    pg_ctl(binaries, folder, user, ["start", "--wait", f"--timeout={START_SECONDS}", f"--options={options}"])


def pg_ctl(binaries: Path, folder: Path, user: str | None, arguments: list[str]) -> None:
    log = folder / "data" / "server.log"
    call(user, [binaries / "pg_ctl", f"--pgdata={folder / 'data'}", f"--log={log}", "--silent", *arguments])


def call(user: str | None, argv: list[str | Path]) -> None:
    # The server inherits pg_ctl's output: a pipe would never end, so it gets a file.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(argv, user=user, group=user, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if result.returncode != 0:
            output.seek(0)
            reason = output.read().decode(errors="replace").strip()
            raise Failure(f"{Path(argv[0]).name} failed: {reason}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
