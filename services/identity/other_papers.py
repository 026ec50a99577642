"""Papers that stand in the number column and are no ID card, each named for what it is."""

from __future__ import annotations

import re

from services.kit.errors import Text

_FILL = Text("请填写居民身份证号码", "please give the citizen ID number")


def _instead(zh: str, en: str) -> Text:
    return Text(f"{zh}；{_FILL.zh}", f"{en}; {_FILL.en}")


WORDS: dict[str, Text] = {
    "foreign": Text(
        "这是外国人永久居留身份证号码；请核对是否填错了人或证件",
        "This is the permanent residence card of a foreigner; please check person and paper",
    ),
    "home_return": _instead(
        "这是港澳居民来往内地通行证（回乡证）号码",
        "This is a home-return permit (Hong Kong, Macao)",
    ),
    "taiwan": _instead(
        "这是台湾居民来往大陆通行证号码", "This is a travel permit of Taiwan residents"
    ),
    "eight_digits": _instead(
        "只有 8 位数字，可能是台湾居民来往大陆通行证号码",
        "Eight digits only, perhaps a travel permit of Taiwan residents",
    ),
    "passport": _instead("这是护照号码", "This is a passport number"),
    "military": Text(
        "这是军人证件号码；退役后请填写居民身份证号码",
        "This is a military card; after discharge please give the citizen ID number",
    ),
    "household": _instead("这是户口簿编号", "This is the number of a household register"),
    "birth_certificate": _instead(
        "这是出生医学证明编号", "This is the number of a birth certificate"
    ),
    "phone": _instead("这是手机号码，不是身份证号码", "This is a mobile number, no ID number"),
    "credit_code": _instead(
        "这是单位的统一社会信用代码", "This is the credit code of an organisation"
    ),
    "other_paper": _instead("这是其他证件号码", "This is the number of another paper"),
}
"""Kind of paper -> what to say of it."""

# By the words and letters that offices and issuers write, first match first. The rules of issuers:
# permits of Hong Kong and Macao residents H or M and 8 or 10 digits; of Taiwan residents 8 digits;
# passports of the People's Republic E, G, D, S, P (a second letter since 2017); permanent residence
# cards three letters and 12 digits until 2023, since then 18 characters that begin with 9; birth
# certificates a letter and 9 digits; GB 32100 for credit codes.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "military",
        re.compile(
            r"(?:军官证|警官证|士兵证|军人证|文职干部证|义务兵证|士官证)?"
            r"[军士文兵武参政后装空海南北东西中沈兰济广成京火联战支]{1,3}字?第?[0-9]{5,9}号?"
            r"|(?:军官证|警官证|士兵证|军人证|士官证|文职干部证|义务兵证)号?码?字?第?[0-9A-Z]{5,12}号?"
        ),
    ),
    (
        "home_return",
        re.compile(r"(?:回乡证|港澳通行证|港澳居民来往内地通行证)?[HM][0-9]{8}(?:[0-9]{2})?"),
    ),
    (
        "taiwan",
        re.compile(
            r"(?:台胞证|台湾通行证|台湾居民来往大陆通行证)[0-9]{8,10}(?:\(?[A-Z0-9]{1,2}\)?)?"
            r"|T?[0-9]{8}(?:[0-9]{2}\([A-Z]\))"
        ),
    ),
    (
        "passport",
        re.compile(
            r"(?:护照)?(?:[EGDSP][0-9]{8}|[EDSP][A-HJ-NP-Z][0-9]{7}"
            r"|1[45][0-9]{7}|MA[0-9]{7}|K[0-9]{8})"
            r"|护照[0-9A-Z]{6,12}"
        ),
    ),
    (
        "eight_digits",
        re.compile(
            r"(?!(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
            r"[0-9]{8}"
        ),
    ),
    ("foreign", re.compile(r"[A-Z]{3}[0-9]{12}")),
    ("birth_certificate", re.compile(r"(?:出生(?:医学)?证明?)?[A-Z][0-9]{9}")),
    ("household", re.compile(r"户口?[本簿]?.{0,4}[0-9]{4,20}.{0,4}")),
    ("phone", re.compile(r"(?:\+?86)?1[3-9][0-9]{9}")),
    (
        "credit_code",
        re.compile(
            r"(?=[0-9]*[A-HJ-NPQRTUWY])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}"
            r"[0-9A-HJ-NPQRTUWXY]{10}"
        ),
    ),
    (
        "other_paper",
        re.compile(
            r"(?:学生证|驾驶证|社保卡|居住证|暂住证|工作证|残疾证|港澳证|其他证件)号?码?[0-9A-Z]{4,20}"
        ),
    ),
)


def kind_of(body: str) -> str | None:
    """The kind of paper that a cell holds; None for others.

    `body`: the cell in capitals, without blanks, hyphens and quotation marks.
    """
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(body)), None)


def folded(body: str) -> str:
    """A paper's number to be compared: what people write between its letters does not count."""
    return re.sub(
        r"[^0-9A-Z\u4e00-\u9fff]|[字第号码]|军官证|警官证|士兵证|军人证|士官证|文职干部证|义务兵证|护照|回乡证|台胞证",
        "",
        body,
    )
