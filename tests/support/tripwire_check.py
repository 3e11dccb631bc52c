"""Short forms of the tripwire's loads, each on a copy of a few documents: what came of them, as JSON.

Usage: tripwire_check.py WATCHER FOLDER DOCUMENTS      run by the Python that has the document libraries
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "packaging" / "dev"), str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "support")]

import documents
import tripwire_loads as loads
from tripwire_run import run

COMMAND_SECONDS = 60
# Those that take seconds each are left to the bench.
HONEST = ("unzip", "backup_tar_zstd", "rsync_mirror", "photo_export", "office_edit", "log_rotation", "archive_and_delete", "gpg_one", "delete_old", "database_dump")


def main() -> None:
    watcher, folder, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    corpus = folder / "Hồ sơ"
    documents.make(corpus, count, 4)
    results = []
    for name, command in (loads.FAST_TUNED | loads.FAST_HELD_OUT | loads.BASE64).items():
        ended = run(watcher, corpus, command, False, COMMAND_SECONDS, folder)
        results.append({"name": name, "honest": False, **ended.as_json()})
    honest = loads.benign(ROOT, Path(sys.executable))
    for name in HONEST:
        ended = run(watcher, corpus, honest[name], True, COMMAND_SECONDS, folder)
        results.append({"name": name, "honest": True, **ended.as_json()})
    json.dump(results, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
