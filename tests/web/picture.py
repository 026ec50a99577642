"""Makes the picture of the README from real pages of the demo county:
``python -m tests.web.picture FILE``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from services.cluster.one_process import application, ensure_divisions, own_app
from services.cluster.postgres import EmbeddedServer
from services.kit.db.migrations import migrate
from services.kit.settings import Settings
from services.tools.demo import PEOPLE, STREET, _password, ensure_demo
from tests.equipment.browser import ensure_equipment, environment
from tests.intake.served import served


def main(file: Path) -> None:
    """The list of the street's secretary."""
    folder = ensure_equipment()
    with tempfile.TemporaryDirectory() as data, EmbeddedServer(Path(data)) as server:
        migrate(server.owner_url())
        with own_app(Settings(data=Path(data))) as app:
            ensure_divisions(app.worker)
            ensure_demo(app, print)
            with served(application(app)) as url, sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=folder / "chromium",
                    env=environment(folder),
                    args=["--no-sandbox", "--headless=shell", "--disable-gpu"],
                )
                page = browser.new_page(
                    viewport={"width": 390, "height": 900}, locale="zh-CN", device_scale_factor=1.5
                )
                _open(page, url)
                file.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=file)
                browser.close()


def _open(page: Page, url: str) -> None:
    code, _, name, _ = next(one for one in PEOPLE if one[0] == STREET)
    page.goto(f"{url}/sign-in")
    for field, value in (("organisation", code), ("name", name), ("password", _password(code))):
        page.fill(f"#{field}", value)
    page.click("main button")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
