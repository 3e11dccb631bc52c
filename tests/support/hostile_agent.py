"""A PC whose agent has fallen into hostile hands: a certificate that is in order, and no manners at all.

Usage: hostile_agent.py PORT FOLDER ACTION [ARGUMENT ...]

FOLDER holds agent.key, agent.crt and ca.crt; `enrol` puts them there, and names the PC after it.
ACTION: enrol TOKEN | no-token | malformed | announce | long-hello | bomb | crowd | claim STREAM
        | numbers | flood | deaf | slow
It prints one JSON object: what the collector answered to each thing that was said.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from raw_agent import NAME, context, data, framed, number, signed

HOSTNAME = "PC-GIẢ-MẠO"
PATIENCE_SECONDS = 10
# The collector gives up on a peer that takes nothing after half a minute.
DEAF_SECONDS = 50
ATTEMPTS_OF_A_SIDE = 10
FRAMES = ("welcome", "ack", "heartbeat", "policy", "command", "go_away", "refusal", "enrolled", "renewed")
EVENTS_LANE = 2


class Line:
    """A connection and what comes over it, frame by frame."""

    def __init__(self, port: int, tls: ssl.SSLContext, receive_bytes: int = 0) -> None:
        plain = socket.socket()
        if receive_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        plain.settimeout(PATIENCE_SECONDS)
        plain.connect(("127.0.0.1", port))
        self.wire = tls.wrap_socket(plain, server_hostname=NAME)
        self.pending = b""

    def say(self, *frames: bytes) -> None:
        self.wire.sendall(b"".join(frames))

    def hear(self) -> dict:
        """The next frame that is no policy, no command and no heartbeat; `closed` when there is none any more."""
        while True:
            head = self.take(4)
            body = self.take(struct.unpack(">I", head)[0]) if len(head) == 4 else b""
            if not body:
                return {"kind": "closed"}
            frame = shown(body)
            if frame["kind"] not in ("policy", "command", "heartbeat"):
                return frame

    def take(self, count: int) -> bytes:
        try:
            while len(self.pending) < count and (chunk := self.wire.recv(65536)):
                self.pending += chunk
        except (ConnectionError, ssl.SSLError):
            return b""
        if len(self.pending) < count:
            return b""
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken


def fields(message: bytes) -> dict[int, list]:
    """A protobuf message by its field numbers; only what frames of a collector consist of."""
    found: dict[int, list] = {}
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        value: int | bytes
        value, at = read_varint(message, at)
        if key & 7 == 2:
            at, value = at + value, message[at : at + value]
        found.setdefault(key >> 3, []).append(value)
    return found


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return value, at


def shown(body: bytes) -> dict:
    [(field, [content])] = fields(body).items()
    kind, inside = FRAMES[field - 1], fields(content)
    if kind == "welcome":
        marks, at, packed = [], 0, inside.get(2, [b""])[0]
        while at < len(packed):
            mark, at = read_varint(packed, at)
            marks.append(mark)
        return {"kind": kind, "high_water": marks, "new_stream": bool(inside.get(6))}
    if kind == "ack":
        return {"kind": kind, "lane": inside.get(1, [0])[0], "through": inside.get(2, [0])[0]}
    if kind == "refusal":
        return {"kind": kind, "code": inside[1][0], "message": inside[2][0].decode()}
    if kind == "enrolled":
        return {"kind": kind, "certificate": inside.get(1, [b""])[0], "authorities": inside.get(2, [])}
    return {"kind": kind}


def hello(stream: bytes, following: int = 1) -> bytes:
    lane = data(4, number(1, 1) + number(2, following))
    names = data(7, b"0") + data(8, b"Debian 12") + data(9, HOSTNAME.encode())
    body = number(1, 1) + number(2, 1) + data(3, stream) + lane * 4 + data(5, bytes(16)) + fingerprint(6)
    return framed(data(1, body + names + signed(10, time.time_ns() // 1_000_000)))


def fingerprint(field: int, machine: str = "hostile") -> bytes:
    return data(field, data(2, machine.encode()))


def blind(seq: int, reason: str) -> bytes:
    """An event; with another reason it is another content under the same number."""
    body = number(1, 1) + data(2, b"/tmp") + data(5, reason.encode())
    now = signed(2, time.time_ns() // 1_000_000)
    return number(1, seq) + now + number(3, seq) + data(4, bytes(16)) + data(22, body)


def batch(first: int, events: list[bytes], lane: int = EVENTS_LANE) -> bytes:
    raw = b"".join(data(1, event) for event in events)
    return frame_of_batch(lane, first, first + len(events) - 1, len(raw), zstd(raw))


def frame_of_batch(lane: int, first: int, last: int, raw_bytes: int, packed: bytes) -> bytes:
    return framed(data(2, number(1, lane) + number(2, first) + number(3, last) + number(4, raw_bytes) + data(5, packed)))


# RFC 8878: magic number, a frame header without a content size and with a window of 128 KiB, then blocks.
ZSTD_HEAD = bytes.fromhex("28b52ffd 00 38")
ZSTD_BLOCK_BYTES = 128 * 1024


def zstd_block(kind: int, size: int, last: bool) -> bytes:
    return struct.pack("<I", last | kind << 1 | size << 3)[:3]


def zstd(content: bytes) -> bytes:
    """The content in raw blocks: valid, and not packed at all."""
    pieces = [content[at : at + ZSTD_BLOCK_BYTES] for at in range(0, len(content), ZSTD_BLOCK_BYTES)] or [b""]
    last = len(pieces) - 1
    return ZSTD_HEAD + b"".join(zstd_block(0, len(piece), n == last) + piece for n, piece in enumerate(pieces))


def zstd_bomb(blocks: int) -> bytes:
    """Blocks of one repeated byte: four bytes each, 128 KiB each when unpacked."""
    return ZSTD_HEAD + (zstd_block(1, ZSTD_BLOCK_BYTES, False) + b"\0") * blocks + zstd_block(0, 0, True)


def session(port: int, folder: Path) -> Line:
    """A conversation as it should begin."""
    line = Line(port, context(folder))
    line.say(hello(os.urandom(16)))
    welcome = line.hear()
    assert welcome["kind"] == "welcome" and not welcome["new_stream"], welcome
    return line


def after_hello(*frames: bytes) -> Callable[[int, Path], dict]:
    """An attack that says these things in one conversation; the answers up to the last that must come."""

    def attack(port: int, folder: Path) -> dict:
        line = session(port, folder)
        line.say(*frames)
        return {"answer": line.hear(), "then": line.hear()["kind"]}

    return attack


def stranger() -> ssl.SSLContext:
    """Without a certificate, and taking the collector's word for it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def enrol_request(secret: str, csr: bytes, machine: str) -> bytes:
    body = number(1, 1) + number(2, 1) + data(3, secret.encode()) + data(4, csr) + fingerprint(5, machine)
    return framed(data(5, body + data(6, HOSTNAME.encode()) + data(7, b"Debian 12")))


def signing_request(folder: Path) -> bytes:
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=agent"]
    out = ["-keyout", folder / "agent.key", "-outform", "DER"]
    return subprocess.run(["openssl", "req", "-new", *new, *out], check=True, capture_output=True).stdout


def enrol(port: int, folder: Path, token: str) -> dict:
    encoded = token.removeprefix("vong1.")
    secret = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))["s"]
    line = Line(port, stranger())
    line.say(enrol_request(secret, signing_request(folder), folder.name))
    answer = line.hear()
    if answer["kind"] == "enrolled":
        (folder / "agent.crt").write_text(ssl.DER_cert_to_PEM_cert(answer["certificate"]))
        (folder / "ca.crt").write_text("".join(map(ssl.DER_cert_to_PEM_cert, answer["authorities"])))
    return {"answer": answer["kind"]}


def no_token(port: int, folder: Path) -> dict:
    """Enrols with tokens that nobody gave, from eight sides at once."""
    with tempfile.TemporaryDirectory() as own:
        csr = signing_request(Path(own))
    answers: list[int | None] = []

    def attempt() -> None:
        for _ in range(ATTEMPTS_OF_A_SIDE):
            try:
                line = Line(port, stranger())
                line.say(enrol_request(os.urandom(32).hex(), csr, os.urandom(8).hex()))
                answers.append(line.hear().get("code"))
            except OSError:
                answers.append(None)

    together(*[attempt] * 8)
    return {"attempts": len(answers), "refused": answers.count(3)}


def together(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def long_hello(port: int, folder: Path) -> dict:
    """A first frame as long as a batch may be: many connections that hold so much would fill the memory."""
    line = Line(port, context(folder))
    line.say(struct.pack(">I", 1_000_000), bytes(10_000))
    return {"answer": line.hear(), "then": line.hear()["kind"]}


def crowd(port: int, folder: Path) -> dict:
    """Connections upon connections, each with a certificate, none with a word."""
    lines = []
    for _ in range(200):
        lines.append(Line(port, context(folder)))
    return {"held": len(lines)}


def claim(port: int, folder: Path, stream: str) -> dict:
    """Says that another PC's stream is its own, and that it is far ahead in it."""
    line = Line(port, context(folder))
    line.say(hello(bytes.fromhex(stream), 1_000_001), batch(900_000, [blind(900_000, "forged")]))
    return {"answer": line.hear(), "then": line.hear()["kind"]}


def numbers(port: int, folder: Path) -> dict:
    """Sends again, sends less, sends other content, skips, and sends what no event is; the numbers acknowledged."""
    line = session(port, folder)
    three = [blind(seq, "honest") for seq in (1, 2, 3)]
    said = {
        "new": batch(1, three),
        "again": batch(1, three),
        "back": batch(1, three[:2]),
        "other_content": batch(1, [*three[:2], blind(3, "another")]),
        "jump": batch(100, [blind(100, "far ahead")]),
        "other_number": batch(101, [blind(7, "in the place of 101")]),
        "no_event": batch(102, [b"\xff\xff\xff"]),
    }
    acknowledged = {}
    for name, frame in said.items():
        line.say(frame)
        acknowledged[name] = line.hear()["through"]
    line.say(frame_of_batch(EVENTS_LANE, 1 << 62, 1 << 62, 0, b""))
    return {"through": acknowledged, "beyond": line.hear()}


def flood(port: int, folder: Path) -> dict:
    """As many events as the line takes, all at once; how long until they are acknowledged."""
    line, began, count = session(port, folder), time.monotonic(), 20
    events = [[blind(first + n, "flood") for n in range(500)] for first in range(1, 500 * count, 500)]
    line.say(*[batch(1 + 500 * n, some) for n, some in enumerate(events)])
    through = 0
    while through < 500 * count:
        through = line.hear().get("through", 1 << 62)
    return {"through": through, "seconds": time.monotonic() - began}


def deaf(port: int, folder: Path) -> dict:
    """Asks without end and takes no answer; how long until the collector has had enough."""
    line = Line(port, context(folder), receive_bytes=2048)
    line.say(hello(os.urandom(16)))
    began, question = time.monotonic(), framed(data(3, signed(1, 0) + number(2, 1))) * 100
    line.wire.settimeout(DEAF_SECONDS)
    try:
        while time.monotonic() - began < DEAF_SECONDS:
            line.say(question)
    except TimeoutError:
        return {"closed": False, "seconds": time.monotonic() - began}
    except OSError:
        return {"closed": True, "seconds": time.monotonic() - began}
    return {"closed": False, "seconds": time.monotonic() - began}


def slow(port: int, folder: Path) -> dict:
    """A byte now and then: of the handshake, and of the hello; how long each is borne."""
    ended: dict[str, float] = {}

    def trickle(name: str, wire: socket.socket, text: bytes) -> None:
        began = time.monotonic()
        wire.settimeout(0.2)
        for byte in text:
            try:
                wire.sendall(bytes([byte]))
                if wire.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        ended[name] = time.monotonic() - began

    # The beginning of a record of the handshake protocol that says it has 512 bytes.
    plain = socket.create_connection(("127.0.0.1", port))
    with_certificate = Line(port, context(folder)).wire
    together(
        lambda: trickle("handshake", plain, bytes.fromhex("16030102000100") + bytes(500)),
        lambda: trickle("hello", with_certificate, hello(os.urandom(16)) * 3),
    )
    return ended


ATTACKS: dict[str, Callable[..., dict]] = {
    "enrol": enrol,
    "no-token": no_token,
    "malformed": after_hello(framed(b"\xff" * 64)),
    "announce": after_hello(struct.pack(">I", 0x7FFF_FFFF), bytes(1000)),
    "long-hello": long_hello,
    # What it says it unpacks to, and a gigabyte.
    "bomb": after_hello(frame_of_batch(EVENTS_LANE, 1, 1, 1_000_000, zstd_bomb(8192))),
    "crowd": crowd,
    "claim": claim,
    "numbers": numbers,
    "flood": flood,
    "deaf": deaf,
    "slow": slow,
}


def main() -> None:
    port, folder, action = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    print(json.dumps(ATTACKS[action](port, folder, *sys.argv[4:])))


if __name__ == "__main__":
    main()
