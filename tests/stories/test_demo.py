"""The demo: whoever looks at it for the first time finds something on every desk."""
from __future__ import annotations

from services.demo import PEOPLE, ensure_demo, sign_ins
from services.embedded import ensure_divisions
from services.kit.cache import cache_folder
from services.kit.settings import Settings
from services.wiring import House


def test_the_demo_has_something_on_every_desk(database, tmp_path):
    house = House.at(database.app_url, b"a secret of the tests", cache_folder(), settings=Settings(data=tmp_path), web_url=database.web_url)
    ensure_divisions(house.worker)
    ensure_demo(house, lambda line: None)

    def count(sql: str) -> int:
        with house.worker.connect() as tx:
            return tx.exec_driver_sql(sql).scalar_one()

    assert count("SELECT count(DISTINCT state) FROM transfer_case") >= 8
    assert count("SELECT count(*) FROM identification WHERE decision = 'review'") == 2
    assert count("SELECT count(*) FROM transfer_case WHERE state = 'triaged' AND destination IS NULL") >= 1
    assert count("SELECT count(*) FROM confirmed_address") >= 3
    assert all(name in sign_ins(house, 8000) for _, _, name, _ in PEOPLE)
    cases = count("SELECT count(*) FROM transfer_case")
    ensure_demo(house, lambda line: None)  # a second start
    assert count("SELECT count(*) FROM transfer_case") == cases
    house.close()
