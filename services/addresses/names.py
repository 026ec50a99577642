"""How a division's name is written: the forms people use for it, as pure functions of the official
name.

Sources of the forms: GB/T 2260 and the statistical division codes for the official names, the usual
abbreviations of provinces (GB/T 2260 supplement), and the spellings counted in public notices of
2022 (`东山街` for 东山街道, `崔各庄乡` for 崔各庄地区, `赛马场街道` for 赛马场片区).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from services.addresses.normalise import key


class Kind(StrEnum):
    """Kind of a community. The letters are those of the compiled table."""

    RESIDENTS = "J"
    """Residents' committee: 社区, 居委会."""
    VILLAGERS = "C"
    """Villagers' committee: 村, 嘎查."""
    OTHER = "O"
    """Anything else: 生产队, 管理区, 林场."""


PROVINCE_LETTERS = {
    "北京市": "京", "天津市": "津", "河北省": "冀", "山西省": "晋", "内蒙古自治区": "蒙",
    "辽宁省": "辽", "吉林省": "吉", "黑龙江省": "黑", "上海市": "沪", "江苏省": "苏",
    "浙江省": "浙", "安徽省": "皖", "福建省": "闽", "江西省": "赣", "山东省": "鲁", "河南省": "豫",
    "湖北省": "鄂", "湖南省": "湘", "广东省": "粤", "广西壮族自治区": "桂", "海南省": "琼",
    "重庆市": "渝", "四川省": "川", "贵州省": "黔", "云南省": "云", "西藏自治区": "藏",
    "陕西省": "陕", "甘肃省": "甘", "青海省": "青", "宁夏回族自治区": "宁",
    "新疆维吾尔自治区": "新",
}  # fmt: skip
_PEOPLES_LONG = (
    "蒙古|维吾尔|布依|朝鲜|土家|哈尼|哈萨克|傈僳|拉祜|东乡|纳西|景颇|柯尔克孜|达斡尔|仫佬|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|"
    "塔吉克|乌孜别克|俄罗斯|鄂温克|德昂|保安|裕固|独龙|鄂伦春|赫哲|门巴|珞巴|基诺"
)
_PEOPLES_SHORT = "回|藏|苗|彝|壮|满|侗|瑶|白|傣|黎|佤|畲|水|土|羌|怒|各"
"""With 族 only: 长白朝鲜族自治县 is 长白, 陵水黎族自治县 陵水."""
_PEOPLE = rf"(?:(?:{_PEOPLES_LONG})族?|(?:{_PEOPLES_SHORT})族)"
_PEOPLES_TAIL = re.compile(rf"{_PEOPLE}*{_PEOPLE}(?=自治|$)")
_DUMMY_CITIES = frozenset(("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"))
_AUTONOMOUS = ("自治县", "自治旗")
_PROVINCE_TAIL = re.compile(r"(?:壮族|回族|维吾尔)?(?:自治区|省|市)$")
_CITY_TAIL = re.compile(r"(?:地区|市|盟)$")
_COUNTY_TAIL = re.compile(r"(?:特|林)?[县市区旗]$")
_ZONE = re.compile(
    r"(?:高新技术产业|高新技术|经济技术|稀土高新技术产业|火炬高技术产业|经济|高新)(?:开发|园)?区$|城乡一体化示范区$"
)
_BRACKET = re.compile(r"[（(].*?[)）]")


def clean(name: str) -> str:
    """The key of an official name: brackets with their content dropped, then normalised."""
    return key(_BRACKET.sub("", name)) or key(name)


def is_dummy(name: str) -> bool:
    """True for the table's place-holders between province and county (市辖区, 县, 省直辖…)."""
    return name in _DUMMY_CITIES


def province_forms(name: str) -> tuple[str, ...]:
    """Full name, short name (内蒙古, 广西), and the one-letter abbreviation last."""
    short = _PROVINCE_TAIL.sub("", name)
    forms = [name, short]
    if name.endswith("自治区"):
        forms += [short + "自治区", short + "省"]
    if name in PROVINCE_LETTERS:
        forms.append(PROVINCE_LETTERS[name])
    return tuple(dict.fromkeys(forms))


def _autonomous(name: str) -> list[str]:
    """恩施土家族苗族自治州 -> 恩施, 恩施州, 恩施自治州; 鄂温克族自治旗, all of it a people, ->
    鄂温克旗.
    """
    kind = name[-1]
    peoples = name[: -len("自治" + kind)]
    stem = _PEOPLES_TAIL.sub("", peoples + "自治").removesuffix("自治")
    if stem:
        forms = [stem, stem + kind, stem + "自治" + kind]
    else:
        stem = peoples.removesuffix("族")
        forms = [stem + kind, stem + "自治" + kind]
    if len(stem) < 2:
        return []
    return forms


USUAL_SHORT = {
    "前郭尔罗斯蒙古族自治县": "前郭", "杜尔伯特蒙古族自治县": "杜蒙",
    "喀喇沁左翼蒙古族自治县": "喀左", "阜新蒙古族自治县": "阜蒙", "塔什库尔干塔吉克自治县": "塔县",
    "察布查尔锡伯自治县": "察县", "和布克赛尔蒙古自治县": "和丰县",
    "阿克塞哈萨克族自治县": "阿克塞", "积石山保安族东乡族撒拉族自治县": "积石山",
    "莫力达瓦达斡尔族自治旗": "莫旗", "大厂回族自治县": "大厂", "科尔沁左翼中旗": "科左中旗",
    "科尔沁左翼后旗": "科左后旗", "科尔沁右翼前旗": "科右前旗", "科尔沁右翼中旗": "科右中旗",
    "察哈尔右翼前旗": "察右前旗", "察哈尔右翼中旗": "察右中旗", "察哈尔右翼后旗": "察右后旗",
    "达尔罕茂明安联合旗": "达茂旗", "土默特左旗": "土左旗", "土默特右旗": "土右旗",
    "新巴尔虎左旗": "新左旗", "新巴尔虎右旗": "新右旗", "陈巴尔虎旗": "陈旗",
    "东乌珠穆沁旗": "东乌旗", "西乌珠穆沁旗": "西乌旗", "苏尼特左旗": "东苏旗",
    "苏尼特右旗": "西苏旗", "乌拉特前旗": "乌前旗", "乌拉特中旗": "乌中旗", "乌拉特后旗": "乌后旗",
    "鄂托克前旗": "鄂前旗", "阿拉善左旗": "阿左旗", "阿拉善右旗": "阿右旗", "阿鲁科尔沁旗": "阿旗",
    "克什克腾旗": "克旗", "翁牛特旗": "翁旗", "准格尔旗": "准旗", "达拉特旗": "达旗",
    "伊金霍洛旗": "伊旗", "太仆寺旗": "太旗",
}  # fmt: skip
"""County -> the abbreviation by which its own people and offices call it, where no rule makes it of
the name.
"""
_OF_A_PEOPLE = re.compile(rf"(?:(?:{_PEOPLES_LONG}|{_PEOPLES_SHORT})族)+(?=[县区]$)")


def usual_county_forms(name: str) -> tuple[str, ...]:
    """The forms of a county named after peoples, and of a banner, that stand alone for it without
    its city: 兰坪县, 前郭县, 鄂温克旗, 科左中旗, 梅里斯区. None for other counties, and none of two
    characters.
    """
    forms: list[str] = []
    if name.endswith(_AUTONOMOUS):
        forms += _autonomous(name)
    short = USUAL_SHORT.get(name)
    if short is not None:
        forms.append(short)
        if not short.endswith(("旗", "县")):
            forms.append(short + name[-1])
    bare = _OF_A_PEOPLE.sub("", name)
    if bare != name and not forms:
        forms.append(bare)
    whole = [form for form in dict.fromkeys(forms) if form.endswith(("县", "旗", "区"))]
    return tuple(form for form in whole if len(form) >= 3)


def city_forms(name: str) -> tuple[str, ...]:
    """Full and short names of a prefecture; none for the table's place-holders."""
    if is_dummy(name):
        return ()
    forms = [name]
    if name.endswith("自治州"):
        forms += _autonomous(name)
        return tuple(dict.fromkeys(forms))
    short = _city_stem(name)
    if len(short) >= 2:
        forms += [short, short + "市"]
    return tuple(dict.fromkeys(forms))


def _city_stem(name: str) -> str:
    return _CITY_TAIL.sub("", name)


def county_forms(name: str, city: str = "") -> tuple[str, ...]:
    """Full and short names of a county; zones also with and without their city (`city`) before
    them.

    No short name that is also the city's: 长沙 is not 长沙县, 兰州 not 兰州新区.
    """
    if name.endswith(_AUTONOMOUS):
        forms = [name, *_autonomous(name), *_usual_forms(name)]
        return tuple(dict.fromkeys(forms))
    forms = [name, *_usual_forms(name), *_short_forms(name, city)]
    names_of_city = () if name == city else city_forms(city)
    return tuple(form for form in _usable(forms) if form == name or form not in names_of_city)


def _short_forms(name: str, city: str) -> list[str]:
    """What a county is called without its tail, a zone of a city in every way to write zones."""
    zone = _ZONE.search(name)
    if zone and city and not is_dummy(city):
        return _zone_forms(name[: zone.start()], zone.group(), city)
    if len(name) >= 3 and name.endswith(("县", "市", "区", "旗")):
        return [_without_tail(name)]
    return []


def _usual_forms(name: str) -> list[str]:
    """The forms that stand alone for a county, and its usual abbreviation."""
    forms = list(usual_county_forms(name))
    short = USUAL_SHORT.get(name)
    if short is not None:
        forms.append(short)
    return forms


def _without_tail(county: str) -> str:
    """浦东 of 浦东新区, 六枝 of 六枝特区."""
    if county.endswith("新区"):
        return county.removesuffix("新区")
    return _COUNTY_TAIL.sub("", county)


def _zone_forms(head: str, tail: str, city: str) -> list[str]:
    """The forms of a development zone: `head` is what stands before 高新技术产业开发区 and the like
    in its name.

    One with a name of its own behind the city's (长春|净月) is that everywhere (净月开发区,
    长春净月高新区, 净月区) and never the city's zone alone, which is another.
    """
    stem = _city_stem(city)
    own = _zone_name(head, stem)
    tails = _zone_tails(tail)
    before = [stem + "市" + own, stem + own]
    if own:
        tails += ["开发区", "区"]
    if len(own) >= 2:
        before.append(own)
    forms: list[str] = []
    for zone in dict.fromkeys(tails):
        forms += [start + zone for start in before]
        if not own and zone != "开发区":
            forms.append(zone)
    return forms


def _zone_name(head: str, city_stem: str) -> str:
    """The zone's own name behind that of its city, empty if it has none: 净月 of 长春净月."""
    if city_stem not in head:
        return ""
    start = head.find(city_stem) + len(city_stem)
    return head[start:].removeprefix("市")


def _zone_tails(tail: str) -> list[str]:
    """The ways to write what kind of zone it is."""
    if tail.startswith("经济"):
        return [tail, "经济技术开发区", "经济开发区", "经开区", "开发区"]
    if "高新" in tail or "高技术" in tail:
        return [tail, "高新技术产业开发区", "高新技术开发区", "高新开发区", "高新区"]
    return [tail]


_STREET_TAIL = re.compile(
    r"(?:片区街道|片区管委会|片区|地区办事处|地区|街道办事处|街道办|街办|街道|办事处|镇|乡|苏木|农场|林场|牧场)$"
)


def street_stem(name: str) -> tuple[str, str]:
    """(stem, tail) of a street's name: 崔各庄地区 -> (崔各庄, 地区); peoples' names go (幺塘回族乡
    -> 幺塘).
    """
    match = _STREET_TAIL.search(name)
    if match is None or match.start() == 0:
        return name, ""
    stem, tail = name[: match.start()], match.group()
    if tail == "乡":
        stem = _without_peoples(stem)
    return stem, tail


def _without_peoples(stem: str) -> str:
    """The stem of a 民族乡 without the peoples it is named after, unless nothing else is left."""
    stem = stem.removesuffix("民族")
    if not stem.endswith("族"):
        return stem
    return _PEOPLES_TAIL.sub("", stem) or stem


@dataclass(frozen=True, slots=True)
class _Tails:
    """What is written behind a street's stem: `strong` ones name this street, `weak` ones only if
    nothing else has them.
    """

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


_OFFICE = ("街道", "街道办事处", "街道办", "街办", "办事处")
_OF_SUBDISTRICT = _Tails(strong=_OFFICE, weak=("街", "镇", "乡", "地区", "片区"))


def _of_area(area: str) -> _Tails:
    """Of a 地区 or 片区."""
    own = (area, area + "办事处", area + "街道", area + "管委会", area + "镇", area + "乡")
    return _Tails(strong=own + _OFFICE, weak=("镇", "乡", "街"))


_TAILS = {
    "街道": _OF_SUBDISTRICT,
    "街道办事处": _OF_SUBDISTRICT,
    "街道办": _OF_SUBDISTRICT,
    "街办": _OF_SUBDISTRICT,
    "地区": _of_area("地区"),
    "地区办事处": _of_area("地区"),
    "片区": _of_area("片区"),
    "片区街道": _of_area("片区"),
    "片区管委会": _of_area("片区"),
    "镇": _Tails(strong=("镇", "镇人民政府"), weak=("街道", "街道办事处", "乡", "地区", "办事处")),
    "乡": _Tails(strong=("乡",), weak=("民族乡", "镇", "街道", "地区", "苏木")),
    "苏木": _Tails(weak=("镇", "乡")),
    "办事处": _Tails(strong=("街道", "街道办事处"), weak=("镇", "乡")),
}
"""Tail of a street's official name -> what is written in its place."""
_NO_TAILS = _Tails()


def street_forms(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(strong, weak) written forms. Strong ones name this street; weak ones only if nothing else
    has them.
    """
    stem, tail = street_stem(name)
    tails = _TAILS.get(tail, _NO_TAILS)
    strong = [name, *[stem + other for other in tails.strong]]
    weak = [stem + other for other in tails.weak]
    if tails is _OF_SUBDISTRICT and stem.endswith("街"):
        # 民意街街道 is 民意街道, too, and perhaps 民意街
        strong += [stem.removesuffix("街") + other for other in _OFFICE]
        weak.append(stem)
    if name.endswith(("镇镇", "乡乡")):
        strong.append(name[:-1])
    if name.endswith(("开发区", "园区")):
        weak.append(name + "管委会")
    strong_forms = _usable(strong)
    weak_forms = [form for form in _usable(weak) if form not in strong_forms]
    return strong_forms, tuple(weak_forms)


def _usable(forms: list[str]) -> tuple[str, ...]:
    """The different ones of more than one character."""
    return tuple(form for form in dict.fromkeys(forms) if len(form) >= 2)


def seat_forms(street: str, county: str) -> tuple[str, ...]:
    """The short forms of a town that bears its county's long name: 前郭尔罗斯镇 is 前郭镇."""
    short = USUAL_SHORT.get(county, "")
    if not short or short.endswith(("县", "旗")):
        return ()
    stem, tail = street_stem(street)
    bears_the_name = stem in _autonomous(county)[:1]
    if not tail or not bears_the_name:
        return ()
    return (short + tail,)


_RESIDENTS = re.compile(
    r"(?:社区)?(?:居民?委员会|居民委员|居委会|居委|家委会|家属委员会)$|社区(?:管理委员会|委员会|工作站|服务站|党群服务中心)?$"
)
_HERDERS = re.compile(r"嘎查(?:村)?(?:村?民?委员会|村?委会|村)?$")
_VILLAGERS = re.compile(r"村?(?:村民?委员?会{0,2}|村委|村民委员|[民牧渔农]民?委员?会|民委会)$|村$")
_OTHER = re.compile(r"(?:管理)?(?:委员会|委会)$")
_KINDS_BY_SUFFIX: tuple[tuple[re.Pattern[str], str, Kind], ...] = (
    (_HERDERS, "嘎查", Kind.VILLAGERS),
    (_RESIDENTS, "", Kind.RESIDENTS),
    (_VILLAGERS, "", Kind.VILLAGERS),
    (_OTHER, "", Kind.OTHER),
)
"""Suffix, what of it belongs to the base, and the kind it tells; the first that fits decides."""


def community_base(name: str) -> tuple[str, Kind]:
    """(base, kind) of a community's normalised name: 蒋辛庄村委会 -> (蒋辛庄, C),
    蒋坝村社区居民委员会 -> (蒋坝村, J).

    Bases are compared, never names: the table spells one suffix in several ways (村委会,
    村民委员会).
    """
    for suffix, part_of_base, kind in _KINDS_BY_SUFFIX:
        match = suffix.search(name)
        if match is not None and match.start() > 0:
            return name[: match.start()] + part_of_base, kind
    return name, Kind.OTHER


MENTION = re.compile(
    r"社区(?:居民委员会|居委会|居委|村委会)?|居民委员会|居委会?|村(?:村民委员会|村委会?|民委员会|委会?)?"
    r"|嘎查村?(?:委员会|委会)?|虚拟生活区|生活区|管理区|作业区|生产区|生产队|连队?(?!生活区)|分场"
)
"""A suffix in running text that closes the name of a community."""


KIND_OF: dict[str, Kind] = {
    "社": Kind.RESIDENTS,
    "居": Kind.RESIDENTS,
    "村": Kind.VILLAGERS,
    "嘎": Kind.VILLAGERS,
    "虚": Kind.OTHER,
    "生": Kind.OTHER,
    "管": Kind.OTHER,
    "作": Kind.OTHER,
    "连": Kind.OTHER,
    "分": Kind.OTHER,
}
"""First character of a mention -> the kind it announces."""

OUTSIDE_BASE = frozenset("社居村")
"""First characters of the mentions that are no part of the community's base."""


def mention_kind(suffix: str) -> Kind:
    """Kind of community that a matched MENTION announces."""
    return KIND_OF[suffix[0]]


def mention_base(text: str, start: int, mention: re.Match[str]) -> tuple[str, int]:
    """(base, its end) of a mention read from `start`: 嘎查 and the suffixes of kind O belong to the
    base.
    """
    begin = mention.start()
    first = text[begin]
    if first in OUTSIDE_BASE:
        end = begin
    elif first == "嘎":
        end = begin + len("嘎查")
    else:
        end = mention.end()
    return text[start:end], end
