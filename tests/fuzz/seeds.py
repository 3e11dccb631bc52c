#!/usr/bin/env python3
"""Writes the seeds: where fuzzing begins, and what `make test` feeds to every decoder once.

Usage: seeds.py        (writes into tests/fuzz/seeds/, which is committed)

They are made by hand from what is written down: PROTOCOL.md and the .proto files, RFC 8878 (zstd), the file format
of SQLite, ClickHouse's HTTP interface and its compressed frames. None comes from the code that they examine. What
fuzzing finds is added here, under the name of what was wrong.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from hostile_agent import zstd, zstd_bomb  # noqa: E402
from raw_agent import data, framed, number, signed  # noqa: E402

BOOT = bytes(range(16))
STREAM = bytes(range(16, 32))


def frames() -> dict[str, bytes]:
    lane = data(4, number(1, 1) + number(2, 8) + data(3, bytes(16)))
    print_of = data(2, b"0123456789abcdef") + data(3, b"S3RIAL") + data(4, b"52:54:00:12:34:56")
    hello = number(1, 1) + number(2, 1) + data(3, STREAM) + lane * 4 + data(5, BOOT) + data(6, print_of)
    hello += data(7, b"0.1.0") + data(8, b"Debian 12") + data(9, "máy-kế-toán".encode()) + signed(10, -5)
    gap = data(6, number(1, 2) + number(2, 1) + number(3, 4) + data(4, b"spool_full") + data(5, data(1, b"file") + number(2, 4)))
    batch = number(1, 2) + number(2, 5) + number(3, 5) + number(4, 9) + data(5, zstd(b"nine byte")) + gap
    said = {
        "hello": data(1, hello + number(11, 3) + data(12, b"ab" * 32) + number(13, 1)),
        "hello_with_three_lanes": data(1, number(1, 1) + data(3, STREAM) + lane * 3 + data(5, BOOT)),
        "hello_with_a_short_stream": data(1, number(1, 1) + data(3, STREAM[:15]) + lane * 4 + data(5, BOOT)),
        "hello_with_a_long_name": data(1, hello + data(9, "ế".encode() * 300)),
        "batch": data(2, batch),
        "batch_that_ends_before_it_begins": data(2, number(2, 9) + number(3, 3)),
        "batch_at_the_end_of_numbers": data(2, number(2, 1) + number(3, (1 << 64) - 1)),
        "heartbeat": data(3, signed(1, 1 << 40) + number(2, 7) + number(3, 1)),
        "policy_status": data(4, number(1, 2) + data(2, b"cd" * 32) + data(4, b"files.watches[0]: unknown field")),
        "enrol": data(5, number(1, 1) + number(2, 1) + data(3, b"secret") + data(4, b"\x30\x00") + data(5, print_of)),
        "renew": data(6, data(1, b"\x30\x82\x01")),
        "welcome": data(1, number(1, 1) + data(2, bytes([0, 5, 0, 0])) + number(3, 2_000_000) + number(5, 30)),
        "ack": data(2, number(1, 1) + number(2, 5)),
        "command": data(5, data(1, b"17") + signed(2, 1) + data(16, data(1, b"ho so"))),
        "command_of_a_later_version": data(5, data(1, b"18") + data(17, b"")),
        "go_away": data(6, number(1, 15_000) + data(2, b"restart")),
        "refusal_of_a_later_version": data(7, number(1, 4_000) + data(2, "không".encode())),
        "enrolled": data(8, data(1, b"\x30\x00") + data(2, b"\x30\x01") + data(2, b"\x30\x02")),
        "pending": data(8, number(3, 1)),
        "nothing": b"",
        "another_wire_type": b"\x0d\x01\x02\x03\x04",
    }
    whole = {name: framed(message) for name, message in said.items()}
    whole["one_after_another"] = whole["hello"] + whole["batch"] + whole["heartbeat"]
    whole["cut_in_the_length"] = whole["hello"][:3]
    whole["cut_in_the_body"] = whole["hello"][:30]
    whole["announces_two_gigabytes"] = b"\x7f\xff\xff\xff" + bytes(100)
    return whole


def event(seq: int, field: int, body: bytes) -> bytes:
    return number(1, seq) + signed(2, 1_760_000_000_000) + number(3, 5) + data(4, BOOT) + data(field, body)


def events() -> dict[str, bytes]:
    process = number(1, 42) + data(2, b"/usr/bin/vi") + data(3, b"vi\0k\xe1\xba\xbf") + data(4, b"an") + number(5, 1)
    meta = number(1, 12) + signed(2, -1) + number(3, 0o644) + data(4, b"root") + data(5, bytes(32))
    file = number(1, 2) + data(2, b"/srv/\xff\xfe") + number(4, 1) + data(5, meta) + data(6, data(1, process))
    link = data(9, data(1, b"../a") + number(2, 4))
    rich = file + number(9, 1) + number(9, 4) + number(10, 3) + signed(11, -9)
    tripwire = data(1, b"a1") + number(2, 2) + number(3, 6_100) + data(5, data(1, b"canary") + number(2, 1) + number(3, 9))
    tripwire += data(6, data(1, b"/home/\xff") + data(2, b"/home/a") + data(3, b"canary") + signed(5, 4)) + data(7, signed(1, 4) + number(2, 9))
    return {
        "file_of_a_package": event(1, 16, rich + data(12, data(1, data(1, b"dpkg") + data(2, b"bash") + data(3, b"5.2")))),
        "file_of_a_later_cause": event(1, 16, rich + data(12, data(9, b"whatever"))),
        "file_of_an_unknown_aspect": event(1, 16, file + number(9, 99)),
        "link": event(1, 16, number(1, 1) + data(2, b"/a") + number(4, 1) + data(5, data(6, b"not_a_file") + data(7, b"0") + link) + data(6, number(2, 7))),
        "tripwire": event(1, 27, tripwire + data(8, process) + number(11, 7) + number(16, 1)),
        "tripwire_without_a_key": event(1, 27, number(2, 1)),
        "tripwire_with_too_many_files": event(1, 27, tripwire + data(6, b"") * 49),
        "strain": event(1, 28, data(1, b"cpu") + number(2, 500) + number(3, 612) + signed(4, 5)),
        "file": event(1, 16, file + data(7, "Hồ sơ".encode()) + number(8, 4)),
        "file_without_a_path": event(1, 16, number(1, 1)),
        "file_with_a_short_digest": event(1, 16, number(1, 1) + data(2, b"/a") + number(4, 1) + data(5, data(5, bytes(31)))),
        "antivirus": event(1, 17, data(1, data(1, b"clamav") + number(3, 1))),
        "network": event(1, 18, data(1, b"eth0")),
        "probe_state": event(1, 19, data(1, b"web") + number(2, 1) + data(3, b"10.0.0.1:443") + number(4, 2)),
        "probe_sample": event(1, 20, data(1, b"web") + number(2, 1) + number(5, 5) + number(6, 9)),
        "started": event(1, 21, data(1, data(1, b"0.1.0") + number(4, 1))),
        "stopping": event(1, 21, number(2, 1)),
        "blind": event(1, 22, number(1, 1) + data(2, b"/srv") + signed(3, 1) + signed(4, 2) + data(5, b"queue_overflow")),
        "unsupported": event(1, 23, number(1, 2) + data(2, b"who") + data(3, b"not root")),
        "command_result": event(1, 24, data(1, b"17") + number(2, 1)),
        "of_a_later_version": event(1, 99, b"whatever"),
        "without_a_body": event(1, 16, b"")[:-3],
        "of_another_number": event(7, 21, number(2, 1)),
    }


def batch() -> dict[str, bytes]:
    """The header that `examine` describes, then what travels."""

    def headed(count: int, raw_bytes: int, packed: bytes, lane: int = 2) -> bytes:
        return struct.pack(">BBHI", lane, 0, count, raw_bytes) + packed

    def listed(*each: bytes) -> bytes:
        return b"".join(data(1, one) for one in each)

    made = {f"event_{name}": headed(0, 0, one) for name, one in events().items()}
    for name, one in events().items():
        raw = listed(one)
        made[f"packed_{name}"] = headed(1, len(raw), zstd(raw))
    three = listed(*[event(seq, 21, number(2, 1)) for seq in (1, 2, 3)])
    made["three"] = headed(3, len(three), zstd(three), 0)
    made["more_than_it_says"] = headed(2, len(three), zstd(three))
    made["fewer_than_it_says"] = headed(9, len(three), zstd(three))
    made["longer_than_it_says"] = headed(3, len(three) - 1, zstd(three))
    made["shorter_than_it_says"] = headed(3, len(three) + 9, zstd(three))
    made["empty_events"] = headed(2_000, 4_000, zstd(b"\x0a\x00" * 2_000))
    made["too_many_events"] = headed(2_001, 4_002, zstd(b"\x0a\x00" * 2_001))
    made["bomb"] = headed(1, 1_000_000, zstd_bomb(64))
    made["says_four_gigabytes"] = headed(1, 0xFFFF_FFFF, zstd_bomb(1))
    made["cut"] = headed(3, len(three), zstd(three)[:-5])
    made["no_list"] = headed(1, 3, zstd(b"\xff\xff\xff"))
    return made


def spool() -> dict[str, bytes]:
    sql = (ROOT / "agent/src/spool/migrations/0001_initial.sql").read_text()
    sound = [
        f"INSERT INTO meta VALUES (x'{STREAM.hex()}', 1)",
        *[f"INSERT INTO events VALUES (2, {n}, 'presence', x'{event(0, 21, number(2, 1))[2:].hex()}')" for n in (2, 3, 4)],
        "INSERT INTO gaps VALUES (2, 1, 1, 'spool_full', '{\"file\": 1}')",
        "UPDATE lanes SET next = 5, bytes = 180 WHERE lane = 2",
    ]
    wrong = {
        "sound": [],
        "of_a_newer_agent": ["PRAGMA user_version = 99"],
        "without_meta": ["DELETE FROM meta"],
        "without_lanes": ["DELETE FROM lanes"],
        "without_a_table": ["DROP TABLE gaps"],
        "without_unsupported": ["DROP TABLE unsupported"],
        "with_another_column": ["ALTER TABLE sensor_state RENAME COLUMN value TO valuf"],
        "with_a_short_stream": ["UPDATE meta SET stream = x'00'"],
        "with_a_stream_of_text": ["UPDATE meta SET stream = 'sixteen letters!'"],
        "negative": ["UPDATE lanes SET next = -1 WHERE lane = 0"],
        "ends_before_it_begins": ["UPDATE lanes SET next = 0, acked = 0 WHERE lane = 1"],
        "acknowledged_beyond_the_end": ["UPDATE lanes SET acked = 99 WHERE lane = 2"],
        "begins_behind_its_end": ["UPDATE lanes SET base = 99 WHERE lane = 2"],
        "at_the_end_of_numbers": ["UPDATE lanes SET next = 9223372036854775807, acked = 9223372036854775806, base = 0"],
        "beyond_the_end_of_batches": ["UPDATE lanes SET next = 1125899906842624, acked = 1125899906842623 WHERE lane = 3"],
        "next_is_text": ["UPDATE lanes SET next = 'five' WHERE lane = 2"],
        "hash_is_a_number": ["UPDATE lanes SET last_hash = 7 WHERE lane = 2"],
        "event_where_the_next_will_stand": ["INSERT INTO events VALUES (2, 5, 'presence', x'00')"],
        "event_of_text": ["UPDATE events SET bytes = 'text' WHERE position = 3"],
        "event_is_missing": ["DELETE FROM events WHERE position = 3"],
        "gap_over_events": ["UPDATE gaps SET last = 3"],
        "gap_that_ends_before_it_begins": ["UPDATE gaps SET last = 0"],
        "gap_with_broken_counts": ["UPDATE gaps SET counts = '{'"],
        "gap_with_a_long_kind": ["UPDATE gaps SET counts = json_object(printf('%.*c', 300, 'x'), 1)"],
        "charged_more_than_there_is": ["UPDATE lanes SET bytes = 9223372036854775807"],
        "position_of_text": ["INSERT INTO events VALUES (2, 'x', 'presence', x'00')"],
    }
    made = {name: logged(database(sql, sound + steps)) for name, steps in wrong.items()}
    whole = database(sql, sound)
    made["empty"] = logged(b"")
    made["a_header_alone"] = logged(whole[:100])
    made["half"] = logged(whole[: len(whole) // 2])
    made["cut_within_a_page"] = logged(whole[:-300])
    made["a_page_of_zeros"] = logged(whole[:1024] + bytes(512) + whole[1536:])
    # The schema format number: 4 bytes at 44, of which SQLite knows 1 to 4.
    made["of_another_format"] = logged(whole[:44] + struct.pack(">I", 9) + whole[48:])
    made["no_database"] = logged(b"this was a database once, before the disk failed. " * 20)
    made["a_log_of_nonsense"] = logged(whole, b"\x37\x7f\x06\x82" + bytes(range(256)) * 4)
    return made


def logged(database: bytes, log: bytes = b"") -> bytes:
    return struct.pack(">I", len(log)) + database + log


def database(schema: str, steps: list[str]) -> bytes:
    """A spool as its migration describes it; small pages keep the seeds small."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spool.db"
        made = sqlite3.connect(path, isolation_level=None)
        made.execute("PRAGMA page_size = 512")
        made.executescript(f"PRAGMA auto_vacuum = INCREMENTAL; {schema}; PRAGMA user_version = 1")
        for step in steps:
            made.execute(step)
        made.close()
        return path.read_bytes()


def front_end() -> dict[str, bytes]:
    form = "multipart/form-data; boundary=B"

    def request(target: str, kind: str = "text/plain", body: bytes = b"") -> bytes:
        return f"{target}\n{kind}\n".encode() + body

    def fields(*each: tuple[str, str]) -> bytes:
        parts = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in each]
        return ("".join(parts) + "--B--\r\n").encode()

    plain = bytes([0x02]) + struct.pack("<II", 9 + 4, 4) + b"vong"
    return {
        "select": request("/?query=SELECT+1+FORMAT+JSON&database=vong&max_threads=2"),
        "insert": request("/?query=INSERT+INTO+t(a)+FORMAT+RowBinary&decompress=1", body=bytes(16) + plain),
        "parameter": request("/?query=SELECT+%7Ba:UInt8%7D&param_a=7&default_format=JSON"),
        "unknown_setting": request("/?path=/etc&query=SELECT+1"),
        "broken_escape": request("/?query=%ff%zz%"),
        "form": request("/", form, fields(("query", "SELECT {a:String}"), ("param_a", "tệp\r\n\r\n"))),
        "form_without_an_end": request("/", form, fields(("query", "SELECT 1"))[:-8]),
        "form_without_a_boundary": request("/", "multipart/form-data", fields(("query", "SELECT 1"))),
        "form_with_another_field": request("/", form, fields(("file", "x"))),
        "file": request("/", body=b"SELECT file('/etc/passwd')"),
        "file_behind_quotes": request("/", body=b"SELECT 'it''s \\' x', `a``b`, \"c\" /* ' */ -- '\n FORMAT JSON;"),
        "open_quote": request("/", body=b"SELECT 'open"),
        "open_comment": request("/", body=b"SELECT 1 /* /* */ */ 2 -- x"),
        "heredoc": request("/", body=b"SELECT $$'$$"),
        "not_ascii": request("/", body="SELECT ‘x’, 'tệp'".encode()),
        "frame_with_a_wrong_checksum": request("/", body=bytes(16) + plain),
        "frame_of_sixteen_megabytes": request("/", body=bytes(16) + bytes([0x90]) + b"\xff\xff\xff\x00" * 2),
    }


def main() -> None:
    for made in (frames, batch, spool, front_end):
        folder = HERE / "seeds" / made.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in made().items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
