"""A made-up register of any size for benchmarks: names as common as real ones, valid numbers, the
blocking keys.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg

from services.identity.id_numbers import check_character
from services.identity.keys import member_keys
from services.identity.persons import MemberRecord

ORGANISATION = "330602010035"
PART = 50_000
# the surnames of some two thirds of the country, most common first, and their shares of a thousand
SURNAMES = (
    "王72李72张68刘54陈45杨31黄22赵21吴20周21徐16孙15马13朱13胡13郭12何12林12高11罗10郑9梁9谢8宋8唐7许7韩7邓6冯6"
    "曹6彭6曾6肖6田6董6潘5袁5蔡5蒋5余5于5杜5叶5程5魏5苏4吕4丁4任4卢4姚4沈4钟4姜4崔4谭4陆4范4汪4廖4石4金4韦4贾4夏4"
    "付3方3邹3熊3白3孟3秦3邱3侯3江3尹3薛3闫3段3雷3龙3黎3史3陶3贺3毛2郝2顾2龚2邵2万2覃2武2钱2戴2严2莫2孔2向2常2"
)
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文华建国红玉梅春林志海燕云飞鹏辉晓东波斌宇浩凯健俊帆雪荣爱珍莉"
    "凤琴素淑惠珠翠雅芝萍娥玲芬美彩菊勤贞凡佳嘉琼月莺媛瑞佩妍茜秋珊莎锦黛青倩婷姣婉娴瑾颖露瑶怡婵雁蓓纨仪荷丹蓉眉君"
    "清龙元全胜学祥才发武新利顺信子杰功松善厚庆民友裕河哲江浩亮政谦亨奇固之轮翰朗伯宏言若鸣朋梁栋维启克伦翔旭鹏泽晨"
    "辰士以建家致树炎德行时泰盛雄琛钧冠策腾楠榕风航弘"
)


def _weighted() -> tuple[list[str], list[int]]:
    marks: list[str] = [mark for mark in SURNAMES if not mark.isdigit()]
    shares = [
        int(part)
        for part in "".join(" " if not mark.isdigit() else mark for mark in SURNAMES).split()
    ]
    return marks, shares


def made(first: int, count: int) -> Iterator[MemberRecord]:
    """Members ``first`` to ``first + count``: the same for the same numbers."""
    rng = random.Random(first)
    surnames, shares = _weighted()
    for number in range(first, first + count):
        born = date(1935, 1, 1) + timedelta(days=rng.randrange(25_500))
        body = f"330{rng.randrange(100, 999)}{born:%Y%m%d}{rng.randrange(1000):03}"
        name = rng.choices(surnames, shares)[0] + "".join(
            GIVEN[int(len(GIVEN) * rng.random() ** 1.6)]
            for _ in range(1 if rng.random() < 0.12 else 2)
        )
        yield MemberRecord(
            f"r{number:08}",
            name,
            "male" if int(body[16]) % 2 else "female",
            born.isoformat(),
            body + check_character(body),
            f"13{rng.randrange(10**9):09}",
            None,
            ORGANISATION,
        )


def _part(first: int, count: int) -> tuple[bytes, bytes]:
    """The rows of some members and of their keys, as COPY reads them."""
    members, keys = [], []
    for m in made(first, count):
        members.append(
            "\t".join(
                (
                    m.member,
                    ORGANISATION,
                    f"{ORGANISATION}.",
                    m.name or "",
                    m.sex or "",
                    m.birth_date or "",
                    m.id_number or "",
                    m.phone or "",
                    "full",
                    "normal",
                )
            )
        )
        keys += [f"{key}\t{m.member}" for key in member_keys(m)]
    return ("\n".join(members) + "\n").encode(), ("\n".join(keys) + "\n").encode()


def fill(owner_url: str, count: int) -> None:
    """Fills a fresh database: members, keys, name counts; indexes last. One core makes rows while
    another writes.
    """
    with psycopg.connect(owner_url, autocommit=True) as tx, ProcessPoolExecutor(1) as pool:
        tx.execute(
            "INSERT INTO organisation (code, path, name, kind, unit) VALUES "
            f"('{ORGANISATION}', '{ORGANISATION}.', 'bench', 'branch', 'community')"
        )
        tx.execute(
            "ALTER TABLE member DISABLE TRIGGER USER, NO FORCE ROW LEVEL SECURITY"
        )  # COPY knows no policies
        tx.execute("ALTER TABLE member_key NO FORCE ROW LEVEL SECURITY")
        tx.execute("ALTER TABLE member_key DROP CONSTRAINT member_key_pkey")
        starts = list(range(0, count, PART))
        waiting = [pool.submit(_part, start, min(PART, count - start)) for start in starts[:2]]
        for at in range(len(starts)):
            members, keys = waiting.pop(0).result()
            if at + 2 < len(starts):
                waiting.append(
                    pool.submit(_part, starts[at + 2], min(PART, count - starts[at + 2]))
                )
            _copy(
                tx,
                "member (member, organisation, path, name, sex, birth_date, id_number, phone, "
                "status, standing)",
                members,
            )
            _copy(tx, "member_key (key, member)", keys)
        tx.execute("SET maintenance_work_mem = '512MB'")
        tx.execute("ALTER TABLE member_key ADD PRIMARY KEY (key, member)")
        tx.execute("ALTER TABLE member ENABLE TRIGGER USER, FORCE ROW LEVEL SECURITY")
        tx.execute("ALTER TABLE member_key FORCE ROW LEVEL SECURITY")
        tx.execute(
            "INSERT INTO name_frequency SELECT coalesce(name, ''), count(*) FROM member "
            "GROUP BY GROUPING SETS ((name), ()) ON CONFLICT (name) DO UPDATE SET bearers = "
            "excluded.bearers"
        )
        tx.execute("VACUUM (ANALYZE) member, member_key, name_frequency")


def _copy(tx: psycopg.Connection, into: LiteralString, rows: bytes) -> None:
    with tx.cursor().copy(f"COPY {into} FROM STDIN") as stream:
        stream.write(rows)


def asked(members: list[MemberRecord], seed: int = 5) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a roster says of members, with the kind of row: seven in ten with the number, one in ten
    with a slip in it.
    """
    rng = random.Random(seed)
    for m in members:
        chance = rng.random()
        number, name = m.id_number or "", m.name or ""
        if chance < 0.7:
            yield "number", {"name": name, "id_number": number}
        elif chance < 0.8:
            at = rng.randrange(6, 17)
            slip = number[:at] + str((int(number[at]) + 3) % 10) + number[at + 1 :]
            yield "number with a slip", {"name": name, "id_number": slip}
        elif chance < 0.9:
            yield "name and birth date", {"name": name, "birth_date": m.birth_date, "sex": m.sex}
        elif chance < 0.95:
            yield (
                "half a name and birth date",
                {
                    "name": name[0] + GIVEN[rng.randrange(50)],
                    "birth_date": m.birth_date,
                    "phone": m.phone,
                },
            )
        else:
            yield "name and phone", {"name": name, "phone": m.phone}
