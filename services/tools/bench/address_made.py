"""Made-up addresses from the division table itself: every community of the country as often as any
other.

The public set is real but uneven (Chongqing 2,169 rows, Tibet 6). These cases are artificial but
national: written forms, missing levels, abbreviations and slips, each with the code it was made
from.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from services.addresses.gazetteer import Gazetteer
from services.addresses.names import is_dummy, province_forms
from services.addresses.snapshot import Snapshot

TAILS = ("", "", "3号楼2单元", "12号", "幸福小区5栋1单元", "2组", "锦绣花园6号楼", "东街15号")


def spoken(base: str, kind: str, official: str) -> str:
    """How people write a community: base and 社区 or 村, else the official name."""
    return (
        base + {"J": "社区", "C": "" if base.endswith("嘎查") else "村"}.get(kind, "")
        if kind != "O"
        else official
    )


def homophone(word: str, snapshot: Snapshot, rng: random.Random) -> str | None:
    """One character replaced by another one of the table that sounds the same."""
    if not word:
        return None
    at = rng.randrange(len(word))
    sound = snapshot.sounds.get(word[at])
    same = [c for c in _by_sound(snapshot).get(sound or "", ()) if c != word[at]]
    return word[:at] + rng.choice(same) + word[at + 1 :] if same else None


_sounding: dict[int, dict[str, list[str]]] = {}


def _by_sound(snapshot: Snapshot) -> dict[str, list[str]]:
    names = _sounding.get(id(snapshot))
    if names is None:
        names = _sounding[id(snapshot)] = {}
        for char in sorted(snapshot.sounds):
            names.setdefault(snapshot.sounds[char], []).append(char)
    return names


def slipped(word: str, how: str, snapshot: Snapshot, rng: random.Random) -> str | None:
    """`word` with one slip: sound, missing or order; None where it cannot have one."""
    if how == "sound":
        return homophone(word, snapshot, rng)
    if len(word) < 3:
        return None
    at = rng.randrange(len(word) - 1)
    out = (
        word[:at] + word[at + 1 :]
        if how == "missing"
        else word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    )
    return out if out != word else None


def cases(gazetteer: Gazetteer, count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """(kind of case, address, code) for `count` random communities, one address of every kind
    each.
    """
    snapshot, rng = gazetteer.snapshot, random.Random(seed)
    for index in rng.sample(range(len(snapshot.codes)), count):
        code = snapshot.code(index)
        base, kind = snapshot.base(index)
        if kind == "O" and len(base) < 3:
            continue
        upper = snapshot.upper_names
        province, city, county, street = (upper[code[:n]] for n in (2, 4, 6, 9))
        city = "" if is_dummy(city) else city
        named, tail = spoken(base, kind, snapshot.community_name(index)), rng.choice(TAILS)
        yield "full", province + city + county + street + named + tail, code
        yield (
            "official",
            province + city + county + street + snapshot.community_name(index) + tail,
            code,
        )
        yield "no-province", (city or province) + county + street + named + tail, code
        yield "no-city", province + county + street + named + tail, code
        if len(county) > 2 and not county.endswith(("新区", "开发区")):
            short = province_forms(province)[1] + city.removesuffix("市") + county[:-1]
            yield "abbreviated", short + street + named + tail, code
        if len(gazetteer.counties.communities(code[:6]).get(base)) == 1:
            yield "no-street", province + city + county + named + tail, code
        how = rng.choice(("sound", "missing", "order"))
        wrong = slipped(base, how, snapshot, rng) if kind != "O" else None
        if wrong:
            yield (
                f"slip-{how}",
                province + city + county + street + spoken(wrong, kind, "") + tail,
                code,
            )
        wrong = slipped(street[:-2] if street.endswith("街道") else street[:-1], how, snapshot, rng)
        if wrong and street.endswith(("街道", "镇", "乡")) and len(wrong) > 1:
            end = "街道" if street.endswith("街道") else street[-1]
            yield f"street-slip-{how}", province + city + county + wrong + end + named + tail, code
