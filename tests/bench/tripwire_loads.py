"""What the tripwire is tried with: harmless stand-ins for ransomware, and honest programs that look a little like it.

Each is a shell command in which {} is a folder of documents. `TUNED` are those on which weights were chosen, `HELD_OUT`
those that were looked at only afterwards.
"""

from __future__ import annotations

import shlex
from pathlib import Path

OPENSSL = "openssl enc -aes-256-ctr -pbkdf2 -iter 1 -pass pass:x"
EACH = "find {} -type f -print0 | while IFS= read -r -d '' f; do "
# A key stream of urandom's is as random as any cipher's.
PYTHON_HEAD = "import os, sys\nfor folder, _, names in os.walk(sys.argv[1]):\n  for name in names:\n    path = os.path.join(folder, name)\n"


def python(body: str, arguments: str = "{}") -> str:
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"python3 -c {shlex.quote(PYTHON_HEAD + indented)} {arguments}"


FAST_TUNED = {
    "openssl_in_place": EACH + f'{OPENSSL} -in "$f" -out /tmp/x.$$ 2>/dev/null && cat /tmp/x.$$ > "$f"; done; rm -f /tmp/x.$$',
    "write_new_and_delete": EACH + f'{OPENSSL} -in "$f" -out "$f.enc" 2>/dev/null && rm "$f"; done',
    "rename_then_encrypt": EACH + f'mv "$f" "$f.locked" && {OPENSSL} -in "$f.locked" -out /tmp/y.$$ 2>/dev/null && cat /tmp/y.$$ > "$f.locked"; done; rm -f /tmp/y.$$',
    "seven_zip_each": EACH + '7z a -bd -px -sdel "$f.7z" "$f" > /dev/null; done',
    "intermittent": python("""
with open(path, "r+b") as file:
    size = os.path.getsize(path)
    for at in range(0, size, 8192):
        file.seek(at)
        file.write(os.urandom(min(4096, size - at)))
"""),
}
FAST_HELD_OUT = {
    "gpg": "export GNUPGHOME=$(mktemp -d); " + EACH + 'gpg --batch --quiet --pinentry-mode loopback --passphrase x -c "$f" 2>/dev/null && rm "$f"; done; rm -r "$GNUPGHOME"',
    "header_keeping": python("""
with open(path, "r+b") as file:
    size = os.path.getsize(path)
    file.seek(min(512, size))
    file.write(os.urandom(max(0, size - 512)))
"""),
    "several_processes": f"find {{}} -type f -print0 | xargs -0 -P 4 -n 3 bash -c 'for f; do {OPENSSL} -in \"$f\" -out \"$f.crypt\" 2>/dev/null && rm \"$f\"; done' _",
    "one_process": python("""
content = os.urandom(os.path.getsize(path))
with open(path, "wb") as file:
    file.write(content)
"""),
    "other_names": python("""
content = os.urandom(os.path.getsize(path) + 48)
with open(os.path.join(folder, os.urandom(8).hex()), "wb") as file:
    file.write(content)
os.remove(path)
"""),
    "zip_with_password": EACH + 'zip -q -m -j -P x "$f.zip" "$f"; done',
    "replaced_by_rename": python("""
content = os.urandom(os.path.getsize(path))
with open(path + ".tmp", "wb") as file:
    file.write(content)
os.replace(path + ".tmp", path)
"""),
}
# The originals of one archive go all at once when it is complete: apart, as nobody can be faster.
ARCHIVE = {"seven_zip_all": "cd {} && 7z a -bd -px -mx1 -sdel tất-cả.7z . > /dev/null"}
SLOW = EACH + f'{OPENSSL} -in "$f" -out "$f.enc" 2>/dev/null && rm "$f"; sleep 60; done'
BASE64 = {"base64_in_place": EACH + 'base64 "$f" > /tmp/z.$$ && cat /tmp/z.$$ > "$f"; done; rm -f /tmp/z.$$'}


def benign(root: Path, python_with_pillow: Path) -> dict[str, str]:
    """Honest loads. {} is a folder of documents."""
    save = (
        "import sys\nfrom pathlib import Path\nfrom PIL import Image\n"
        "for path in Path(sys.argv[1]).rglob('*.jpg'):\n  image = Image.open(path)\n  image.load()\n  image.save(path, quality=80)\n"
    )
    office = (
        "import sys\nfrom pathlib import Path\nimport docx, openpyxl\n"
        "for path in Path(sys.argv[1]).rglob('*.docx'):\n  document = docx.Document(str(path))\n  document.add_paragraph('sửa')\n  document.save(str(path))\n"
        "for path in Path(sys.argv[1]).rglob('*.xlsx'):\n  book = openpyxl.load_workbook(path)\n  book.active['A1'] = 1\n  book.save(path)\n"
    )
    pillow = f"{shlex.quote(str(python_with_pillow))} -c"
    repository = shlex.quote(str(root))
    return {
        "git": f"git clone -q --no-hardlinks {repository} {{}}/kho && cd {{}}/kho && git checkout -q HEAD~40 && git checkout -q - && git repack -adq && git gc -q",
        "cargo": "cd {} && cargo init -q --vcs none --name thu thu && cd thu && env -u CARGO_TARGET_DIR cargo build -q --offline && touch src/main.rs && env -u CARGO_TARGET_DIR cargo build -q --offline --release",
        "npm": "cd {} && mkdir -p goi/lib web && for n in $(seq 300); do mkdir -p goi/lib/$n && printf '# readme\\n' > goi/lib/$n/README.md && printf 'MIT' > goi/lib/$n/LICENSE.txt; done && printf '{\"name\":\"goi\",\"version\":\"1.0.0\"}' > goi/package.json && cd web && npm init -y > /dev/null && npm pack --silent ../goi > /dev/null && npm install --offline --silent --no-audit --no-fund ./goi-1.0.0.tgz",
        "unzip": "cd {} && zip -qr ../tất-cả.zip . && mkdir giải-nén && cd giải-nén && unzip -q ../../tất-cả.zip && unzip -qo ../../tất-cả.zip",
        "backup_tar_zstd": "cd {} && tar -c . --exclude='*.tar.zst' | zstd -q -1 > sao-lưu.tar.zst",
        "rsync_mirror": "rsync -a {}/ {}-bản-sao/ && mkdir {}/gương && rsync -a --delete {}-bản-sao/ {}/gương/ && rm -rf {}/gương/Ảnh && rsync -a --delete {}-bản-sao/ {}/gương/; rm -rf {}-bản-sao",
        "photo_export": f"{pillow} {shlex.quote(save)} {{}}",
        "office_edit": f"{pillow} {shlex.quote(office)} {{}}",
        "package_upgrade": "cd {} && for v in 1 2; do mkdir -p goi$v/DEBIAN goi$v/usr/share/doc/goi && printf 'Package: goi\\nVersion: '$v'\\nArchitecture: all\\nMaintainer: x <x@example.vn>\\nDescription: x\\n' > goi$v/DEBIAN/control && cp */*.pdf goi$v/usr/share/doc/goi/ 2>/dev/null; cp \"$(find . -name '*.docx' | head -1)\" goi$v/usr/share/doc/goi/ && dpkg-deb -b goi$v goi_$v.deb > /dev/null && mkdir -p gốc/var/lib/dpkg/info gốc/var/lib/dpkg/updates && touch gốc/var/lib/dpkg/status && dpkg --root=$PWD/gốc --force-not-root -i goi_$v.deb > /dev/null; done",
        "log_rotation": "cd {} && for round in 1 2 3; do for n in $(seq 30); do seq $((n * 900)) > app$n.log; [ -e app$n.log.1.gz ] && mv app$n.log.1.gz app$n.log.2.gz; mv app$n.log app$n.log.1 && gzip -f app$n.log.1; done; done",
        "gzip_old": "cd {} && find . -name '*.txt' -print0 | xargs -0 -n 20 gzip && find . -name '*.csv' -print0 | xargs -0 -n 5 xz",
        "browser": "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --user-data-dir={}/hồ-sơ --dump-dom 'data:text/html,<p>xin chào' > /dev/null 2>&1; for n in $(seq 200); do head -c 9000 /dev/urandom > {}/hồ-sơ/f_$(printf %06x $n); done; rm -rf {}/hồ-sơ",
        "archive_7z": "cd {} && 7z a -bd -mx1 ../sao-lưu.7z . > /dev/null && mv ../sao-lưu.7z .",
        "archive_7z_password": "cd {} && 7z a -bd -mx1 -px -mhe=on ../mật.7z . > /dev/null && mv ../mật.7z .",
        "archive_and_delete": "cd {} && zip -q -r -m cũ.zip 'Tài liệu cũ'",
        "gpg_one": "export GNUPGHOME=$(mktemp -d); f=$(find {} -name '*.docx' | head -1); gpg --batch --quiet --pinentry-mode loopback --passphrase x -c \"$f\" && rm \"$f\"; rm -r \"$GNUPGHOME\"",
        "delete_old": "rm -rf {}/'Tài liệu cũ' {}/'Công văn đi' {}/Ảnh",
        "rename_all": "cd {} && n=0; find . -name '*.jpg' -print0 | while IFS= read -r -d '' f; do n=$((n+1)); mv \"$f\" \"$(dirname \"$f\")/IMG_$n.jpg\"; done; find . -name '*.txt' -print0 | while IFS= read -r -d '' f; do mv \"$f\" \"$f.bak\"; done",
        "database_dump": "cd {} && for n in $(seq 12); do seq 20000 > db$n.sql && " + OPENSSL + " -in db$n.sql -out db$n.sql.enc && rm db$n.sql; done",
        "office_conversion": "if command -v soffice > /dev/null; then cd {} && find . -name '*.docx' | head -20 | xargs -d '\\n' soffice --headless --convert-to pdf --outdir pdf > /dev/null; fi",
    }
