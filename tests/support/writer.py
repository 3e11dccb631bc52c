"""The oracle of the stories: a script that knows nothing of Vọng, writes files, and keeps its own list.

Usage: writer.py FOLDER LIST COUNT PAUSE_MS [SEED]

Each file gets a Vietnamese name drawn at random, NFC and NFD in turn, and random content; it is written in one
go under its final name. After each file one JSON line goes to LIST: path and SHA-256 in hex, this process's
id, and when the write was over. Names never repeat, so each file has exactly one final content. The same seed
gives the same names and contents again.
"""

import hashlib
import json
import os
import random
import sys
import time
import unicodedata

WORDS = (
    "kế hoạch", "báo cáo", "dự toán", "quyết định", "hồ sơ", "tờ trình", "biên bản",
    "ngân sách", "đất đai", "hộ tịch", "nhân sự", "đấu thầu", "thẩm định", "giấy mời",
)  # fmt: skip


def draw_name(number: int) -> bytes:
    words = " ".join(random.sample(WORDS, 2))
    form = "NFC" if number % 2 == 0 else "NFD"
    return unicodedata.normalize(form, f"{words} {random.randrange(16**8):08x}-{number}.odt").encode()


def main() -> None:
    folder, notes, count, pause_ms = os.fsencode(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    random.seed(sys.argv[5] if len(sys.argv) > 5 else None)
    with open(notes, "a", encoding="ascii") as listed:
        for number in range(count):
            path = os.path.join(folder, draw_name(number))
            content = random.randbytes(random.randrange(20, 4000))
            with open(path, "xb") as file:
                file.write(content)
            note = {
                "path_hex": path.hex(),
                "sha256": hashlib.sha256(content).hexdigest(),
                "pid": os.getpid(),
                "written_ms": time.time_ns() / 1e6,
            }
            listed.write(json.dumps(note) + "\n")
            listed.flush()
            time.sleep(pause_ms / 1000)


if __name__ == "__main__":
    main()
