"""An agent that is none: it speaks TLS and frames by hand, so that a story can say what no real agent says.

Usage: raw_agent.py PORT DATA ACTION

DATA is a real agent's folder, whose certificate and key are used (`other-authority` makes its own).
ACTION: future-version | oversized-frame | truncated-frame | other-authority | wrong-clock | garbage
It prints one JSON object: {"handshake": bool, "closed": bool, "frames": [hex, ...], "error": text}.

Frames are four bytes of length, big-endian, and a protobuf message, encoded here without any library.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAME = "collector.vong.internal"
ANSWER_SECONDS = 10
YEAR_MS = 365 * 24 * 3600 * 1000


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def signed(field: int, value: int) -> bytes:
    return number(field, value << 1 if value >= 0 else (-value << 1) - 1)


def data(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def framed(message: bytes) -> bytes:
    return struct.pack(">I", len(message)) + message


def hello(version: int, wall_ms: int) -> bytes:
    lane = data(4, number(1, 1) + number(2, 1))
    fingerprint = data(6, data(2, b"raw-agent"))
    names = data(7, b"0") + data(8, "máy thử".encode()) + data(9, b"raw-agent")
    body = number(1, version) + number(2, version) + data(3, os.urandom(16)) + lane * 4 + data(5, os.urandom(16))
    return framed(data(1, body + fingerprint + names + signed(10, wall_ms)))


def context(folder: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(folder / "ca.crt")
    made.load_cert_chain(folder / "agent.crt", folder / "agent.key")
    return made


def with_other_authority(folder: Path) -> ssl.SSLContext:
    """A certificate that looks right and was signed by nobody we know."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(folder / "ca.crt")
    with tempfile.TemporaryDirectory() as own:
        key, certificate = f"{own}/key.pem", f"{own}/certificate.pem"
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=agent"]
        subprocess.run(
            ["openssl", "req", "-x509", *new, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
        made.load_cert_chain(certificate, key)
    return made


def converse(port: int, tls: ssl.SSLContext, said: bytes, hang_up: bool) -> dict:
    """Sends the bytes, and listens until the collector closes or has nothing more to say."""
    answer: dict = {"handshake": False, "closed": False, "frames": [], "error": ""}
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as plain:
            with tls.wrap_socket(plain, server_hostname=NAME) as wrapped:
                answer["handshake"] = True
                wrapped.sendall(said)
                if not hang_up:
                    listen(wrapped, answer)
    except OSError as error:  # TLS alerts are OSErrors too.
        answer["error"] = str(error)
        answer["closed"] = not isinstance(error, TimeoutError)
    return answer


def listen(wrapped: ssl.SSLSocket, answer: dict) -> None:
    buffer = b""
    while chunk := wrapped.recv(65536):
        buffer += chunk
        while len(buffer) >= 4 and len(buffer) >= 4 + (length := struct.unpack(">I", buffer[:4])[0]):
            answer["frames"].append(buffer[4 : 4 + length].hex())
            buffer = buffer[4 + length :]
        if answer["frames"]:
            return
    answer["closed"] = True


def main() -> None:
    port, folder, action = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    now_ms = time.time_ns() // 1_000_000
    sayings = {
        "future-version": hello(99, now_ms),
        "oversized-frame": struct.pack(">I", 0x7FFF_FFFF) + b"x" * 1000,
        "truncated-frame": hello(1, now_ms)[:20],
        "other-authority": hello(1, now_ms),
        "wrong-clock": hello(1, now_ms - YEAR_MS),
        "garbage": framed(b"\xff" * 64),
    }
    tls = with_other_authority(folder) if action == "other-authority" else context(folder)
    print(json.dumps(converse(port, tls, sayings[action], hang_up=action == "truncated-frame")))


if __name__ == "__main__":
    main()
