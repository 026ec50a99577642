"""How a division's name is written: the forms people use for it, as pure functions of the official
name.

Sources of the forms: GB/T 2260 and the statistical division codes for the official names, the usual
abbreviations of provinces (GB/T 2260 supplement), and the spellings counted in public notices of
2022 (`东山街` for 东山街道, `崔各庄乡` for 崔各庄地区, `赛马场街道` for 赛马场片区).
"""

from __future__ import annotations

import re
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


_BRACKET = re.compile(r"[（(].*?[)）]")


def clean(name: str) -> str:
    """The key of an official name: brackets with their content dropped, then normalised."""
    return key(_BRACKET.sub("", name)) or key(name)


def is_dummy(name: str) -> bool:
    """True for the table's place-holders between province and county (市辖区, 县, 省直辖…)."""
    return name in _DUMMY_CITIES


def province_forms(name: str) -> tuple[str, ...]:
    """Full name, short name (内蒙古, 广西), and the one-letter abbreviation last."""
    short = re.sub(r"(?:壮族|回族|维吾尔)?(?:自治区|省|市)$", "", name)
    forms = [name, short]
    if name.endswith("自治区"):
        forms += [short + "自治区", short + "省"]
    return tuple(dict.fromkeys(forms)) + (
        (PROVINCE_LETTERS[name],) if name in PROVINCE_LETTERS else ()
    )


def _autonomous(name: str, kind: str) -> list[str]:
    """恩施土家族苗族自治州 -> 恩施, 恩施州, 恩施自治州; 鄂温克族自治旗, all of it a people, ->
    鄂温克旗.
    """
    whole = name[: -len("自治" + kind)]
    stem = _PEOPLES_TAIL.sub("", whole + "自治").removesuffix("自治")
    if not stem:
        stem = whole.removesuffix("族")
        return [stem + kind, stem + "自治" + kind] if len(stem) >= 2 else []
    if len(stem) < 2:
        return []
    return [stem, stem + kind, stem + "自治" + kind]


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
    forms = list(_autonomous(name, name[-1])) if name.endswith(("自治县", "自治旗")) else []
    short = USUAL_SHORT.get(name, "")
    if short:
        forms += [short] if short.endswith(("旗", "县")) else [short, short + name[-1]]
    bare = _OF_A_PEOPLE.sub("", name)
    if bare != name and not forms:
        forms.append(bare)
    return tuple(f for f in dict.fromkeys(forms) if len(f) >= 3 and f.endswith(("县", "旗", "区")))


def city_forms(name: str) -> tuple[str, ...]:
    """Full and short names of a prefecture; none for the table's place-holders."""
    if is_dummy(name):
        return ()
    if name.endswith("自治州"):
        return tuple(dict.fromkeys([name, *_autonomous(name, "州")]))
    short = re.sub(r"(?:地区|市|盟)$", "", name)
    return tuple(dict.fromkeys([name, short, short + "市"] if len(short) >= 2 else [name]))


_ZONE = re.compile(
    r"(?:高新技术产业|高新技术|经济技术|稀土高新技术产业|火炬高技术产业|经济|高新)(?:开发|园)?区$|城乡一体化示范区$"
)


def county_forms(name: str, city: str = "") -> tuple[str, ...]:
    """Full and short names of a county; zones also with and without their city (`city`) before
    them.

    No short name that is also the city's: 长沙 is not 长沙县, 兰州 not 兰州新区.
    """
    short = USUAL_SHORT.get(name)
    usual = [*usual_county_forms(name), *([short] if short else [])]
    if name.endswith(("自治县", "自治旗")):
        return tuple(dict.fromkeys([name, *_autonomous(name, name[-1]), *usual]))
    forms = [name, *usual]
    zone = _ZONE.search(name)
    if zone and city and not is_dummy(city):
        forms += _zone_forms(name[: zone.start()], zone.group(), city)
    elif re.search(r"[县市区旗]$", name) and len(name) >= 3:
        forms.append(
            re.sub(r"(?:特|林)?[县市区旗]$", "", name) if not name.endswith("新区") else name[:-2]
        )
    borne = () if name == city else city_forms(city)
    return tuple(f for f in dict.fromkeys(forms) if len(f) >= 2 and (f == name or f not in borne))


def _zone_forms(head: str, tail: str, city: str) -> list[str]:
    """The forms of a development zone: `head` is what stands before 高新技术产业开发区 and the like
    in its name.

    One with a name of its own behind the city's (长春|净月) is that everywhere (净月开发区,
    长春净月高新区, 净月区) and never the city's zone alone, which is another.
    """
    stem = re.sub(r"(?:地区|市|盟)$", "", city)
    own = head[head.find(stem) + len(stem) :].removeprefix("市") if stem in head else ""
    tails = [tail]
    if tail.startswith(("经济技术", "经济")):
        tails += ["经济技术开发区", "经济开发区", "经开区", "开发区"]
    elif "高新" in tail or "高技术" in tail:
        tails += ["高新技术产业开发区", "高新技术开发区", "高新开发区", "高新区"]
    if not own:
        return [
            before + t
            for t in tails
            for before in (stem + "市", stem, "")
            if not (before == "" and t == "开发区")
        ]
    tails = [*dict.fromkeys([*tails, "开发区", "区"])]
    alone = ("",) if len(own) >= 2 else ()
    return [before + own + t for t in tails for before in (stem + "市", stem, *alone)]


_STREET_TAIL = re.compile(
    r"(?:片区街道|片区管委会|片区|地区办事处|地区|街道办事处|街道办|街办|街道|办事处|镇|乡|苏木|农场|林场|牧场)$"
)


def street_stem(name: str) -> tuple[str, str]:
    """(stem, tail) of a street's name: 崔各庄地区 -> (崔各庄, 地区); peoples' names go (幺塘回族乡
    -> 幺塘).
    """
    m = _STREET_TAIL.search(name)
    if not m or m.start() == 0:
        return name, ""
    stem, tail = name[: m.start()], m.group()
    if tail == "乡":
        stem = stem.removesuffix("民族")
        bare = _PEOPLES_TAIL.sub("", stem) if stem.endswith("族") else stem
        stem = bare if bare else stem
    return stem, tail


def street_forms(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(strong, weak) written forms. Strong ones name this street; weak ones only if nothing else
    has them.
    """
    stem, tail = street_stem(name)
    office = ("街道", "街道办事处", "街道办", "街办", "办事处")
    if tail in ("街道", "街道办事处", "街道办", "街办"):
        strong = [stem + t for t in office]
        weak = [stem + t for t in ("街", "镇", "乡", "地区", "片区")]
        if stem.endswith("街"):
            strong += [stem[:-1] + t for t in office]
            weak.append(stem)
    elif tail in ("地区", "地区办事处", "片区", "片区街道", "片区管委会"):
        area = tail[:2]
        strong = [
            stem + t
            for t in (
                area,
                area + "办事处",
                area + "街道",
                area + "管委会",
                area + "镇",
                area + "乡",
            )
        ]
        strong += [stem + t for t in office]
        weak = [stem + t for t in ("镇", "乡", "街")]
    elif tail == "镇":
        strong = [stem + "镇", name, stem + "镇人民政府"]
        weak = [stem + t for t in ("街道", "街道办事处", "乡", "地区", "办事处")]
    elif tail == "乡":
        strong = [stem + "乡", name]
        weak = [stem + t for t in ("民族乡", "镇", "街道", "地区", "苏木")]
    elif tail == "苏木":
        strong, weak = [name], [stem + "镇", stem + "乡"]
    elif tail == "办事处":
        strong, weak = [name, stem + "街道", stem + "街道办事处"], [stem + "镇", stem + "乡"]
    else:
        strong, weak = [name], []
        if name.endswith(("开发区", "园区")):
            weak = [name + "管委会"]
    strong = list(dict.fromkeys([name, *strong]))
    doubled = [name[:-1]] if re.search(r"(镇镇|乡乡)$", name) else []
    keep = [f for f in strong + doubled if len(f) >= 2]
    return tuple(keep), tuple(f for f in dict.fromkeys(weak) if len(f) >= 2 and f not in keep)


def seat_forms(street: str, county: str) -> tuple[str, ...]:
    """The short forms of a town that bears its county's long name: 前郭尔罗斯镇 is 前郭镇."""
    short = USUAL_SHORT.get(county, "")
    stem, tail = street_stem(street)
    if (
        not short
        or not tail
        or short.endswith(("县", "旗"))
        or stem not in _autonomous(county, county[-1])[:1]
    ):
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
