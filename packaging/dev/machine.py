"""What the scripts need from this machine, and how each missing thing gets here.

A need says what it is for before anything is installed, so that nobody wonders why a script wants to
change their system. System packages are installed with apt-get as root or through sudo without a
password; otherwise the command is printed and the script stops, with nothing half done. Everything that
need not be a system package lies in ~/.cache/vong and can be deleted at any time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT / "packaging" / "dev"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vong"
VENV_PYTHON = CACHE / "venv" / "bin" / "python"
TOOLS = CACHE / "tools"

RUST_VERSION_MIN = (1, 95)
NODE_VERSION_MIN = (20,)
PYTHON_PACKAGES = ("aiosmtpd==1.4.6",)
# Apart from the mail server's: nothing that runs with it shall be made anew when a document library is.
DOCUMENTS_PYTHON = CACHE / "documents" / "bin" / "python"
DOCUMENT_PACKAGES = ("python-docx==1.2.0", "openpyxl==3.1.5", "reportlab==5.1.0", "pillow==13.0.0")


class Failure(Exception):
    """What went wrong and what to do about it, in the words shown to the user."""


def say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Need:
    """Something from a Debian package: how to see that it is there, and why it is wanted."""

    name: str
    packages: tuple[str, ...]
    why: str
    present: Callable[[], bool]


@dataclass(frozen=True)
class CargoTool:
    """A cargo subcommand of a pinned version, built into our cache when it is missing."""

    name: str
    version: str
    why: str
    options: tuple[str, ...] = field(default=())


# Daemons lie where an ordinary user's PATH does not reach.
DAEMON_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


def command(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name, path=DAEMON_PATH) is not None


def any_file(pattern: str) -> Callable[[], bool]:
    return lambda: next(Path("/").glob(pattern), None) is not None


VENV = Need("python venv", ("python3-venv",), "keeps aiosmtpd, the test mail server, apart from the system",
            lambda: VENV_PYTHON.exists() or python_runs("import ensurepip, venv"))  # fmt: skip
OPENSSL = Need("openssl", ("openssl",), "makes the test mail server's certificate", command("openssl"))
COMPILER = Need("C compiler", ("gcc", "libc6-dev"), "builds SQLite and zstd",
                lambda: command("cc")() and any_file("usr/include/stdio.h")())  # fmt: skip
CHROMIUM = Need("chromium", ("chromium",), "the browser story and the screenshot", command("chromium"))
FONTS = Need("Vietnamese fonts", ("fonts-noto-core",), "the dashboard's text in the browser story",
             any_file("usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"))  # fmt: skip
CLAMAV = Need("ClamAV", ("clamav", "clamav-daemon", "clamav-freshclam"), "the antivirus that tests start, feed and stop",
              lambda: command("clamd")() and command("freshclam")())  # fmt: skip
ENCRYPTORS = Need("encryptors", ("gnupg", "openssl", "p7zip-full", "zip", "unzip"), "what the tripwire is tried with",
                  lambda: all(command(name)() for name in ("gpg", "openssl", "7z", "zip", "unzip")))  # fmt: skip
BENIGN = Need("honest programs", ("rsync", "zstd"), "what the tripwire must not take for ransomware",
              lambda: command("rsync")() and command("zstd")())  # fmt: skip
POSTGRES = Need("PostgreSQL", ("postgresql",), "the registry's tests run on it as well as on SQLite",
                any_file("usr/lib/postgresql/*/bin/initdb"))  # fmt: skip

NEXTEST = CargoTool("cargo-nextest", "0.9.143", "runs the tests side by side and closes with their count")
DENY = CargoTool("cargo-deny", "0.20.2", "checks licences, banned crates and sources", ("--no-default-features",))
MACHETE = CargoTool("cargo-machete", "0.9.2", "finds dependencies that nothing uses")


def python_runs(code: str) -> bool:
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def ensure(needs: Iterable[Need]) -> None:
    """Installs what is missing, or stops with the command that would."""
    missing = [need for need in needs if not need.present()]
    if not missing:
        return
    for need in missing:
        say(f"missing: {need.name} ({' '.join(need.packages)}): {need.why}")
    packages = [package for need in missing for package in need.packages]
    apt_install(packages)
    still = [need.name for need in missing if not need.present()]
    if still:
        raise Failure(f"{', '.join(still)} still not found after installing {' '.join(packages)}")


def apt_install(packages: Sequence[str]) -> None:
    by_hand = f"apt-get update && apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise Failure(f"this system has no apt-get; install what Debian calls: {' '.join(packages)}")
    prefix = privilege()
    if prefix is None:
        raise Failure(f"installing needs root; run this, then start again:\n  sudo sh -c '{by_hand}'")
    say(f"installing: {' '.join(packages)}")
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    # The lists may be young enough; a failure to update shows in the install.
    subprocess.run([*environment, "update"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    install = [*environment, "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(install, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0:
        raise Failure(f"apt-get failed; try it by hand:\n  sudo sh -c '{by_hand}'")


def privilege() -> list[str] | None:
    """What to put before a command that needs root; None when this user cannot have it unasked."""
    if os.geteuid() == 0:
        return []
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True) if shutil.which("sudo") else None
    return ["sudo", "-n"] if asked is not None and asked.returncode == 0 else None


def ensure_venv() -> None:
    """A Python environment of our own with the test mail server's library."""
    ensure([VENV, OPENSSL])
    make_venv(VENV_PYTHON, PYTHON_PACKAGES, "the test mail server")


def ensure_documents() -> None:
    """A Python environment of our own with libraries that write office documents, PDF and pictures."""
    ensure([VENV])
    make_venv(DOCUMENTS_PYTHON, DOCUMENT_PACKAGES, "documents for the tripwire's tests")


def make_venv(python: Path, packages: Sequence[str], why: str) -> None:
    folder = python.parent.parent
    stamp = folder / "packages"
    wanted = "\n".join(packages)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"making a Python environment in {folder} with {', '.join(packages)} ({why})")
    run([sys.executable, "-m", "venv", "--clear", str(folder)], "python venv")
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], "pip")
    stamp.write_text(wanted)


def ensure_cargo_tool(tool: CargoTool) -> None:
    found = shutil.which(tool.name, path=tool_path())
    if found is not None:
        return
    say(f"missing: {tool.name} {tool.version}: {tool.why}; building it into {TOOLS}")
    started = time.monotonic()
    # The development profile compiles twice as fast, and the tool runs for seconds.
    install = ["cargo", "install", "--locked", "--profile", "dev", "--root", str(TOOLS), *tool.options]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(CACHE / "tools-build")}
    run([*install, f"{tool.name}@{tool.version}"], f"building {tool.name}", environment)
    say(f"  {tool.name}: {time.monotonic() - started:.0f} s")


def tool_path() -> str:
    """PATH with our own tools first."""
    return f"{TOOLS / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def ensure_toolchains() -> None:
    """What cannot be installed for the user without asking: Rust and Node."""
    check_version("rustc", RUST_VERSION_MIN, "install Rust from https://rustup.rs, or run `rustup update stable`")
    check_version("node", NODE_VERSION_MIN, "install Node.js 20 or newer from https://nodejs.org or nodesource")
    if shutil.which("npm") is None:
        raise Failure("npm is missing, although node is there (Debian: apt-get install npm)")
    ensure([COMPILER])


def ensure_rust_components() -> None:
    """Formatter and linter are parts of Rust that a minimal installation leaves out."""
    for component, program in (("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")):
        if shutil.which(program) is None:
            raise Failure(f"{program} is missing; run `rustup component add {component}`")


def check_version(program: str, minimum: tuple[int, ...], remedy: str) -> None:
    wanted = ".".join(map(str, minimum))
    if shutil.which(program) is None:
        raise Failure(f"{program} {wanted} or newer is missing; {remedy}")
    answer = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+(?:\.\d+)+)", answer)
    if found is None or tuple(map(int, found[1].split("."))) < minimum:
        raise Failure(f"{program} {wanted} or newer is needed, here is {answer.strip() or 'an unknown one'}; {remedy}")


def require_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Says that the disk is full before a program finds out half-way."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise Failure(
            f"not enough room in {existing} for {what}: {free_bytes / 1e6:.0f} MB free, "
            f"{needed_bytes / 1e6:.0f} MB needed; make room and start again"
        )


def run(argv: Sequence[str], what: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    """Runs a command whose output the user sees; a failure names the command."""
    try:
        result = subprocess.run(argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Failure(f"{what}: cannot start {argv[0]}: {error.strerror}") from error
    if result.returncode != 0:
        raise Failure(f"{what} failed (exit {result.returncode}): {' '.join(map(str, argv))}")


def target_folder() -> Path:
    """Where cargo builds: what the user set, else ./target; in CI a folder that outlives the checkout."""
    chosen = os.environ.get("CARGO_TARGET_DIR")
    if chosen:
        return ROOT / chosen
    return CACHE / "target" if os.environ.get("CI") else ROOT / "target"
