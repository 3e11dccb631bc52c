"""A folder of documents as an office has them, made by the libraries that people's programs use.

Usage: documents.py FOLDER COUNT [SEED]      the same seed makes the same documents, but for times in them
"""

from __future__ import annotations

import csv
import io
import random
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
from PIL import Image
from reportlab.pdfgen import canvas

WORDS = (
    "báo cáo kế hoạch quyết định dự toán tờ trình biên bản hộ tịch đấu thầu nhân sự công văn hướng dẫn thông báo "
    "ủy ban nhân dân xã phường tỉnh sở ban ngành thực hiện nhiệm vụ kết quả tháng quý năm kinh phí đề nghị phê duyệt "
    "căn cứ nghị định thông tư luật ngân sách đất đai giáo dục y tế giao thông môi trường văn hóa thể thao"
).split()
FOLDERS = ("", "Công văn đến", "Công văn đi/2025", "Công văn đi/2026", "Kế toán/Dự toán", "Ảnh/Hội nghị", "Hộ tịch", "Tài liệu cũ")


def text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def write_docx(path: Path, chance: random.Random) -> None:
    document = docx.Document()
    document.add_heading(text(chance, 6), 1)
    for _ in range(chance.randint(5, 60)):
        document.add_paragraph(text(chance, chance.randint(20, 80)))
    if chance.random() < 0.3:
        document.add_picture(io.BytesIO(picture(chance, "JPEG")))
    document.save(str(path))


def write_xlsx(path: Path, chance: random.Random) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for _ in range(chance.randint(20, 300)):
        sheet.append([text(chance, 3), chance.randint(0, 10**9), chance.random(), text(chance, 2)])
    book.save(path)


def write_pdf(path: Path, chance: random.Random) -> None:
    page = canvas.Canvas(str(path), pageCompression=1)
    for _ in range(chance.randint(1, 12)):
        for line in range(40):
            page.drawString(60, 780 - 18 * line, text(chance, 9).encode("ascii", "ignore").decode())
        page.showPage()
    page.save()


def picture(chance: random.Random, kind: str) -> bytes:
    side = chance.choice((120, 300, 640))
    image = Image.effect_noise((side, side), chance.uniform(20, 90)).convert("RGB")
    image.paste((chance.randint(0, 255), 90, 160), (side // 4, side // 4, side // 2, side // 2))
    out = io.BytesIO()
    image.save(out, kind, quality=85)
    return out.getvalue()


def write_jpg(path: Path, chance: random.Random) -> None:
    path.write_bytes(picture(chance, "JPEG"))


def write_png(path: Path, chance: random.Random) -> None:
    path.write_bytes(picture(chance, "PNG"))


def write_txt(path: Path, chance: random.Random) -> None:
    path.write_text(text(chance, chance.randint(30, 3_000)), encoding="utf-8")


def write_csv(path: Path, chance: random.Random) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([text(chance, 2), chance.randint(0, 999_999)] for _ in range(chance.randint(10, 400)))


def write_zip(path: Path, chance: random.Random) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(chance.randint(2, 8)):
            archive.writestr(f"{text(chance, 2)} {number}.txt", text(chance, 900))


def write_tgz(path: Path, chance: random.Random) -> None:
    with tarfile.open(path, "w:gz") as archive:
        content = text(chance, 4_000).encode()
        entry = tarfile.TarInfo("biên bản.txt")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


KINDS: tuple[tuple[str, int, Callable[[Path, random.Random], None]], ...] = (
    ("docx", 30, write_docx),
    ("xlsx", 18, write_xlsx),
    ("pdf", 20, write_pdf),
    ("jpg", 14, write_jpg),
    ("png", 4, write_png),
    ("txt", 6, write_txt),
    ("csv", 4, write_csv),
    ("zip", 3, write_zip),
    ("tgz", 1, write_tgz),
)


def make(folder: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    weights = [weight for _, weight, _ in KINDS]
    for number in range(count):
        ending, _, write = chance.choices(KINDS, weights)[0]
        name = f"{text(chance, chance.randint(2, 5)).capitalize()} {number}.{ending}"
        write(folder / chance.choice(FOLDERS) / name, chance)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
