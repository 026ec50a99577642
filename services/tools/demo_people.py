"""Made-up people for the demo county: names by sex and decade of birth, ID numbers with a valid
check character.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from services.identity.id_numbers import check_character

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付"
    "方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_WEIGHTS = [1 / (place + 6) for place in range(len(_SURNAMES))]
# given names usual for those born before 1960, 1960-79, 1980-99, since 2000
_MALE = (
    "建国 国庆 德明 志强 福生 金山 玉柱 振华 长青 学文 保平 万林",
    "建军 卫东 志刚 永红 新民 军 勇 海涛 文斌 国强 晓东 立新",
    "伟 磊 鹏 浩 超 凯 杰 涛 俊 斌 宇 博文 志远 海龙",
    "子轩 浩然 宇航 俊杰 天宇 嘉豪 梓豪 思远 一鸣 泽宇",
)
_FEMALE = (
    "秀英 桂兰 玉珍 凤英 淑兰 素芳 月娥 秀兰 桂英 玉梅",
    "红 丽 艳 梅 玲 敏 秀萍 晓燕 淑芳 春兰 海霞 亚琴",
    "静 娜 婷 丹 雪 倩 莉 慧 媛 欣 思佳 雅琪 文静 晓婷",
    "梓涵 诗涵 欣怡 雨桐 佳琪 思雨 子涵 可馨 静怡 语嫣",
)
_RARE = ("马·伊斯哈格", "马文䶮", "王喆", "韩㛃", "买买提·艾合买提", "欧阳雪梅", "司马懿行")
_AREAS = ("620104",) * 12 + (
    "620102",
    "620103",
    "620105",
    "620111",
    "620121",
    "620122",
    "620123",
    "620502",
    "622301",
    "622921",
)
_ETHNICITIES = ("汉族",) * 88 + ("回族",) * 8 + ("东乡族", "藏族", "满族", "土族")
_AGES = (22, 25, 28, 31, 34, 37, 40, 43, 46, 49, 52, 55, 58, 61, 64, 67, 70, 74, 78, 83)


class Person(NamedTuple):
    """Somebody who does not exist."""

    name: str
    sex: str
    ethnicity: str
    born: date
    id_number: str
    age: int


def people(random: Random, today: date) -> Iterator[Person]:
    """Adults of all ages without end, no two with the same ID number; about 1 in 150 has a rare
    name.
    """
    used: set[str] = set()
    while True:
        age = max(19, random.choice(_AGES) + random.randrange(-3, 4))
        born = today - timedelta(days=round(age * 365.25) + random.randrange(1, 360))
        sex = random.choice(("male", "male", "male", "female", "female"))
        number = _id_number(random, born, sex)
        if number not in used:
            used.add(number)
            yield Person(
                _name(random, born, sex), sex, random.choice(_ETHNICITIES), born, number, age
            )


def _name(random: Random, born: date, sex: str) -> str:
    if random.random() < 1 / 150:
        return random.choice(_RARE)
    decade = 0 if born.year < 1960 else 1 if born.year < 1980 else 2 if born.year < 2000 else 3
    given = (_MALE if sex == "male" else _FEMALE)[decade].split()
    return random.choices(_SURNAMES, _WEIGHTS)[0] + random.choice(given)


def _id_number(random: Random, born: date, sex: str) -> str:
    order = random.randrange(0, 500) * 2 + (sex == "male")
    seventeen = f"{random.choice(_AREAS)}{born:%Y%m%d}{order:03}"
    return seventeen + check_character(seventeen)
