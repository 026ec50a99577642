"""Callers of every role in one county, what each tries on the other, and whether an answer gives
anything away.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.portal.accounts import create_account
from services.portal.sessions import SESSION, VISITOR, form_token, new_token, open_session
from services.registry.access import create_key
from tests.portal.town import Town
from tests.security import kinds
from tests.security.kinds import Public, Value
from tests.security.trees import Tree, tables

TRACE = {
    "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    "Accept-Language": "en",
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# what a form shows of the organisation that was chosen in it: the register's name, which is
# everybody's
_CHOSEN = re.compile(
    r'\s*<label class="choice">\s*<input type="radio" name="\w+" value="<named>".*?</label>\s*',
    re.S,
)
_FRESH = re.compile(r'name="key" value="[^"]*"')
# what an attacker says becomes a row of its own; whose words they are stands beside it
OWN_WORDS = frozenset(
    {"posted_event", "posted_person", "event_log", "sign_in_brake", "security_log"}
)
_number = count()


@dataclass(frozen=True)
class Actor:
    """Somebody who calls: by a key, by a cookie, or without either."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    token: str = ""


@dataclass(frozen=True)
class Slot:
    """One place of a request where something is named."""

    where: str  # path, query, body, form
    name: str
    kind: str


@dataclass(frozen=True)
class Told:
    """What an answer says, without what belongs to one request alone."""

    status: int
    headers: tuple[str, ...]
    text: str


def cast(town: Town, own: Tree) -> tuple[list[Actor], list[Actor]]:
    """(who calls with keys, who calls with cookies): every role, and nobody."""
    now, secret = town.clock.now(), town.app.secret
    keys, people = [Actor("no key")], []
    with town.app.worker.begin() as tx:
        for role, organisation in (
            ("sender", own.committee),
            ("receiver", own.community),
            ("receiver", own.committee),
            ("receiver", own.branch),
            ("department", own.department),
            ("admin", own.department),
        ):
            key = create_key(tx, organisation, role, now)
            keys.append(Actor(f"{role} key of {organisation}", {"Authorization": f"Bearer {key}"}))
        for role, organisation in (
            ("secretary", own.community),
            ("secretary", own.branch),
            ("clerk", own.committee),
            ("department", own.department),
            ("admin", own.department),
        ):
            create_account(tx, organisation, role, f"攻击者{role}", now, "a-long-pass-2026")
            account = tx.exec_driver_sql(
                "SELECT id FROM account WHERE organisation = %s AND name = %s",
                (organisation, f"攻击者{role}"),
            ).scalar_one()
            cookie = open_session(tx, account, now)
            people.append(
                Actor(
                    f"{role} of {organisation}", {}, {SESSION: cookie}, form_token(secret, cookie)
                )
            )
    with town.app.worker.begin() as tx:
        keys.append(
            Actor(
                "operator key", {"Authorization": f"Bearer {create_key(tx, None, 'operator', now)}"}
            )
        )
        create_account(tx, None, "operator", "运维", now, "a-long-pass-2026")
        account = tx.exec_driver_sql(
            "SELECT id FROM account WHERE organisation IS NULL"
        ).scalar_one()
        cookie = open_session(tx, account, now)
    people.append(Actor("operator", {}, {SESSION: cookie}, form_token(secret, cookie)))
    visitor = new_token()
    people.append(Actor("nobody signed in", {}, {VISITOR: visitor}, form_token(secret, visitor)))
    return keys, people


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Every route of the application, also of the routers within it."""
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            waiting = [*route.original_router.routes, *waiting]


def called(route: APIRoute) -> str:
    """``METHOD path``."""
    return f"{min(route.methods)} {route.path}"


class Unknown(AssertionError):
    """The matrix does not know what a route takes."""


def kind_of(route: APIRoute, where: str, name: str) -> Any:
    """What a parameter of a route names; raises Unknown with what is to be done."""
    special, general = {
        "path": (kinds.PATH_OF, kinds.PATH),
        "query": (kinds.QUERY_OF, kinds.QUERY),
    }[where]
    kind = special.get(called(route), {}).get(name, general.get(name))
    if kind is None:
        raise Unknown(
            f"{called(route)} has the {where} parameter {name!r}: say in tests/security/kinds.py "
            f"what it names "
            f"(a kind that tests/security/trees.py plants in both counties), or that it names "
            f"nothing"
        )
    return kind


def parameters(route: APIRoute) -> dict[str, dict[str, Any]]:
    """Where -> name -> kind, for all that a route takes; raises Unknown where the matrix does
    not know one.
    """
    path = {
        param.alias: kind_of(route, "path", param.alias) for param in route.dependant.path_params
    }
    query = {name: kind_of(route, "query", name) for name in _query_names(route.dependant)}
    if "GET" in route.methods:
        return {"path": path, "query": query, "body": {}, "form": {}}
    if route.path.startswith("/v1/"):
        return {"path": path, "query": query, "body": _body(route), "form": {}}
    fields = kinds.FORM.get(called(route))
    if fields is None:
        raise Unknown(
            f"{called(route)} takes a form: list its fields, and what each names, in FORM of "
            f"tests/security/kinds.py"
        )
    return {"path": path, "query": query, "body": {}, "form": dict(fields)}


def _query_names(dependant: Any) -> list[str]:
    found = [param.alias for param in dependant.query_params]
    for below in dependant.dependencies:
        found += _query_names(below)
    return found


def _body(route: APIRoute) -> dict[str, Any]:
    schema = (
        (route.openapi_extra or {})
        .get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("schema", {})
    )
    known = kinds.BODY.get(called(route))
    if known is None and schema:
        raise Unknown(
            f"{called(route)} takes a body: list its fields, and what each names, in BODY of "
            f"tests/security/kinds.py"
        )
    if missing := set(schema.get("properties", {})) - set(known or {}):
        raise Unknown(
            f"{called(route)} takes {sorted(missing)}: say in BODY of tests/security/kinds.py "
            f"what each names"
        )
    return dict(known or {})


def unknown_of(kind: str, foreign: str) -> str:
    """An id of the same form as a foreign one, of something that there is not."""
    if kind == "organisation":
        return foreign[:-3] + "999"
    if kind == "dead_letter":
        return str(900_000 + int(foreign))
    if kind == "token":
        return "A" * len(foreign)
    changed = _UUID.sub(lambda _: str(uuid4()), foreign)
    if changed != foreign:
        return changed
    return re.sub("[0-9a-z](?=[0-9a-z]*-)", "q", foreign) if "-" in foreign else foreign + "-9"


def plain(kind: str) -> str:
    """A kind without the mark of which one it is, or that there are several."""
    return kind.rstrip("*").partition("#")[0]


def own_of(tree: Tree, kind: str) -> str:
    """The object of a kind: the first one planted, or the one that the kind counts."""
    place = kind.partition("#")[2]
    return tree.objects[plain(kind)][int(place) - 1 if place else 0]


class Attack:
    """The client, the two counties, and what has been noticed."""

    def __init__(self, app: FastAPI, town: Town, own: Tree, foreign: Tree) -> None:
        self.app, self.town, self.own, self.foreign = app, town, own, foreign
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            base_url="http://127.0.0.1:8000",
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        )
        self.calls = self.compared = 0
        self.leaks: list[str] = []
        self.reached: set[tuple[str, str]] = set()
        self.wanted: set[tuple[str, str]] = set()
        self.secret_ids = {
            one for ids in foreign.objects.values() for one in ids if len(one) >= 12
        } - set(foreign.objects["organisation"] + foreign.objects["branch"])
        self._statement = ""

    def close(self) -> None:
        """Gives the client back."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    # -- requests

    def send(self, route: APIRoute, actor: Actor, given: Mapping[str, Mapping[str, Any]]) -> Any:
        """One request with everything filled in."""
        path = route.path.replace(":path}", "}")
        for name, value in given["path"].items():
            path = path.replace("{" + name + "}", quote(str(value), safe=":"))
        query = {name: value for name, value in given["query"].items() if value != ""}
        method, shown = min(route.methods), called(route)
        headers = dict(TRACE) | dict(actor.headers)
        if actor.cookies:
            headers["Cookie"] = "; ".join(
                f"{name}={value}" for name, value in actor.cookies.items()
            )
        sent: dict[str, Any] = {"params": query, "headers": headers}
        if method != "GET":
            sent |= self._content(route, shown, actor, given)
        self.calls += 1
        return self._runner.run(self._client.request(method, path, **sent))

    def _content(
        self, route: APIRoute, shown: str, actor: Actor, given: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, in the form in which the route takes it."""
        if shown in kinds.FILES:
            return {"content": b"no picture"}
        if route.path.startswith("/v1/"):
            return {"json": {name: value for name, value in given["body"].items() if value != ""}}
        form = {name: str(value) for name, value in given["form"].items() if value != ""} | {
            "token": actor.token
        }
        if "key" in form:
            form["key"] += str(next(_number))
        return {"data": form} | (
            {"files": {"file": ("x.csv", b"")}} if shown in kinds.MULTIPART else {}
        )

    def fill(
        self, taken: Mapping[str, Mapping[str, Any]], chosen: Mapping[Slot, str]
    ) -> dict[str, dict[str, Any]]:
        """Everything of the callers' own, but for what is chosen."""
        given: dict[str, dict[str, Any]] = {}
        for where, fields in taken.items():
            given[where] = {}
            for name, kind in fields.items():
                if isinstance(kind, Value):
                    given[where][name] = kind.value
                elif isinstance(kind, Public):
                    given[where][name] = self.foreign.objects[kind.kind][0]
                else:
                    value = chosen.get(Slot(where, name, kind), own_of(self.own, kind))
                    given[where][name] = [value] if kind.endswith("*") else value
        return given

    # -- what an answer says

    def told(self, answer: Any, *named: str) -> Told:
        """An answer without the names that were sent."""
        text, location = self.text_of(answer), answer.headers.get("location", "")
        text = text.replace(f'value="{answer.request.url.path}', 'value="<asked>')
        for name in written(named):
            if len(name) >= 6:
                text, location = text.replace(name, "<named>"), location.replace(name, "<named>")
        text = _CHOSEN.sub("", _FRESH.sub("", text))
        location = _UUID.sub("<id>", location)
        headers = tuple(
            f"{name}: {answer.headers.get(name, '')}"
            for name in ("content-type", "content-disposition")
        )
        return Told(answer.status_code, (*headers, location), text)

    @staticmethod
    def text_of(answer: Any) -> str:
        """The text of an answer; of a file in another form that it is one."""
        kind = answer.headers.get("content-type", "")
        return (
            answer.text
            if "json" in kind or kind.startswith("text/") or not answer.content
            else f"a file, {kind}"
        )

    def look(
        self, what: str, answer: Any, sent: Sequence[str] = (), allowed: Sequence[str] = ()
    ) -> None:
        """Notes an answer that holds something of the foreign county which the caller did not
        name itself.
        """
        if answer.status_code >= 500 and answer.status_code != 503:
            self.leaks.append(f"{what}: answers {answer.status_code}")
        text = self.text_of(answer) + str(answer.headers.get("location", ""))
        for one in written(sent):
            text = text.replace(one, "")
        shown = [
            mark for mark in (*self.foreign.marks, *self.secret_ids - set(allowed)) if mark in text
        ]
        if shown:
            self.leaks.append(f"{what}: {answer.status_code} shows {shown[:3]}")

    def compare(
        self,
        what: str,
        route: APIRoute,
        actor: Actor,
        taken: Mapping[str, Any],
        foreign: Mapping[Slot, str],
        unknown: Mapping[Slot, str],
    ) -> Told:
        """The foreign and the unknown one must be answered alike; returns what the unknown one
        is answered.
        """
        first = self.send(route, actor, self.fill(taken, foreign))
        second = self.send(route, actor, self.fill(taken, unknown))
        self.look(what, first, list(foreign.values()))
        named = [*foreign.values(), *unknown.values()]
        one, other = self.told(first, *named), self.told(second, *named)
        self.compared += 1
        if one != other:
            self.leaks.append(
                f"{what}: foreign {one.status}, unknown {other.status}: {difference(one, other)}"
            )
        return other

    def differ(
        self,
        route: APIRoute,
        actor: Actor,
        taken: Mapping[str, Any],
        own: Mapping[Slot, str],
        unknown: Mapping[Slot, str],
    ) -> bool:
        """Whether one's own object is answered otherwise than one that there is not."""
        first = self.send(route, actor, self.fill(taken, own))
        second = self.send(route, actor, self.fill(taken, unknown))
        named = [*own.values(), *unknown.values()]
        return self.told(first, *named) != self.told(second, *named)

    def listed(
        self,
        what: str,
        route: APIRoute,
        actor: Actor,
        taken: Mapping[str, Any],
        allowed: Sequence[str],
    ) -> None:
        """A call that names nothing: shows nothing foreign, and where it shows members of one's
        own it leaves a trace.
        """
        before = self._looks()
        answer = self.send(route, actor, self.fill(taken, {}))
        self.look(what, answer, allowed=allowed)
        if (
            "GET" in route.methods
            and self.own.surname in self.text_of(answer)
            and self._looks() == before
        ):
            self.leaks.append(f"{what}: shows members and leaves no trace of who looked")

    def _looks(self) -> int:
        with self.town.app.worker.connect() as tx:
            return tx.exec_driver_sql(
                "SELECT (SELECT count(*) FROM list_look) + (SELECT count(*) FROM case_look)"
            ).scalar_one()

    # -- the database

    def kept(self) -> Counter[tuple[str, str, bool]]:
        """The rows that hold anything of the foreign county: (table, digest, whether more than the
        code of an organisation) -> how many.
        """
        with self.town.app.worker.connect() as tx:
            if not self._statement:
                self._statement = " UNION ALL ".join(
                    f"SELECT '{table}', md5(t::text), t::text ~ %(what)s FROM {table} t "
                    f"WHERE t::text ~ %(what)s OR t::text ~ %(code)s"
                    for table in tables_read(tx)
                )
            what = "|".join(map(re.escape, [*self.foreign.marks, *self.secret_ids]))
            found = tx.exec_driver_sql(
                self._statement, {"what": what, "code": self.foreign.prefix + "0100"}
            )
            return Counter(tuple(row) for row in found)

    def unchanged(
        self, what: str, before: Counter[tuple[str, str, bool]]
    ) -> Counter[tuple[str, str, bool]]:
        """Notes what is gone, or has come to be said, of the foreign county; returns what is
        kept now.
        """
        now = self.kept()
        gone = sorted({table for table, _, _ in before - now})
        if gone:
            self.leaks.append(f"{what}: changed something of the foreign county in {gone}")
        came = sorted({table for table, _, told in now - before if told} - OWN_WORDS)
        if came:
            self.leaks.append(f"{what}: wrote something of the foreign county into {came}")
        return now


def written(names: Sequence[str]) -> list[str]:
    """Names in every spelling in which an address or a page may repeat them, the longest first."""
    forms = {
        form
        for one in names
        for form in (
            one,
            quote(one),
            quote(one, safe=":"),
            quote(quote(one, safe=":")),
            quote(quote(one)),
        )
    }
    return sorted(forms, key=len, reverse=True)


def tables_read(tx: Any) -> list[str]:
    """The tables that the worker may read."""
    return [
        table
        for table in tables(tx)
        if tx.exec_driver_sql(
            "SELECT has_table_privilege(current_user, %s, 'SELECT')", (table,)
        ).scalar_one()
    ]


def difference(one: Told, other: Told) -> str:
    """Where two answers part."""
    if one.headers != other.headers:
        return f"{one.headers} / {other.headers}"
    at = next(
        (i for i, (a, b) in enumerate(zip(one.text, other.text, strict=False)) if a != b),
        min(len(one.text), len(other.text)),
    )
    return f"…{one.text[max(0, at - 60) : at + 90]!r} / …{other.text[max(0, at - 60) : at + 90]!r}"
