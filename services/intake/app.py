"""Intake over HTTP: POST /v1/events and how far an event came."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from schemas.answers import EventsAnswer, HowFar
from schemas.departures import SOURCE_PREFIX, posted_id
from services.intake import modes, openapi, operations
from services.intake.auth import require_own_source, require_sender
from services.intake.faults import Invalid
from services.intake.parse import Posted, parse
from services.intake.progress import Outcomes, how_far
from services.intake.store import Outcome, Store
from services.kit.clock import Clock
from services.kit.errors import Refused, Text, language_of, problem
from services.kit.health import Readiness, SetAside
from services.kit.log import where
from services.kit.retry import is_infrastructure
from services.kit.web import problems
from services.kit.web.hosts import Hosts
from services.kit.web.well_formed import well_formed
from services.registry.access import Caller, Keys, look_as
from services.registry.security_log import Actor

log = structlog.get_logger()
EVENTS = Counter(
    "guidui_intake_events_total", "Events answered, by what became of them", ["status"]
)
SECONDS = Histogram(
    "guidui_intake_accept_seconds",
    "From the whole request read to the commit answered",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
ECHO_MAX = 300

_CUT_OFF = Text(
    "内容没有传完连接就断了，什么都没有保存；请重发。",
    "The connection broke before the content was whole and nothing was stored; send it again.",
)
_NOT_YOURS = Text(
    "source 不属于这把密钥的组织；只能查询本组织报送的事件。",
    "The source is not your organisation's; you can only ask about events you posted.",
)
_UNCONFIRMED = Text(
    "数据库暂时不可用，没有得到已保存的确认；请稍后用同样的编号和内容重发，已存过的不会重复。",
    "The database is unavailable and nothing is confirmed as stored; post again later "
    "with the same id and content, what was stored is not stored twice.",
)
_NO_SUCH = Text(
    "本组织没有报送过这个编号的事件；请核对 id 和 source。",
    "Your organisation posted no event with this id; check id and source.",
)


def nothing_yet(tx: Connection, event_id: Any) -> Sequence:
    """The outcomes where no matcher runs."""
    return ()


class Intake:
    """What the two calls need; the whole service shares one."""

    def __init__(
        self, engine: Engine, clock: Clock, secret: bytes, outcomes: Outcomes = nothing_yet
    ) -> None:
        """`engine` acts as guidui_web; `secret` makes pseudonyms; `outcomes` tells what became of
        events.
        """
        self.engine = engine
        self.clock = clock
        self.secret = secret
        self.outcomes = outcomes
        self.keys = Keys(engine)
        self.store = Store(engine)

    async def caller(self, request: Request) -> Caller:
        """From memory where the key was seen within half a second, else from the database."""
        authorization = request.headers.get("authorization")
        caller = self.keys.remembered(authorization)
        if caller is None:
            caller = await run_in_threadpool(self.keys.caller, authorization)
        problems.acts(request, Actor.of(caller))
        return caller

    def post(self, caller: Caller, events: Sequence[Any]) -> list[Outcome]:
        """Parses and stores; one outcome per event. Returns only after the commit."""
        now = self.clock.now()
        read = [self._read(caller, event, now) for event in events]
        good = [event for event in read if isinstance(event, Posted)]
        try:
            outcomes = iter(self.store.accept(caller, good, now) if good else ())
        except SQLAlchemyError as error:
            if not is_infrastructure(error):
                raise
            log.warning("store_unavailable", **where(error))
            raise Refused(503, "store-unavailable", _UNCONFIRMED) from None
        return [next(outcomes) if isinstance(event, Posted) else event for event in read]

    def _read(self, caller: Caller, event: Any, now: datetime) -> Posted | Invalid:
        try:
            require_own_source(event, caller)
            return parse(event, self.secret, now)
        except Invalid as invalid:
            return invalid


routes = APIRouter(tags=["events"])
"""The routes under /v1/events."""


def _intake(request: Request) -> Intake:
    return request.app.state.intake


@routes.post(
    "/v1/events",
    status_code=202,
    response_model=EventsAnswer,
    responses=openapi.PROBLEMS_OF_POST,
    openapi_extra=openapi.REQUEST_BODY,
    summary="Post events (CloudEvents 1.0); role: sender",
)
async def post_events(request: Request) -> Response:
    intake = _intake(request)
    language = language_of(request.headers.get("accept-language"))
    caller = require_sender(await intake.caller(request))
    body = await _body(request)
    started = time.perf_counter()
    try:
        received = modes.read(request.scope["headers"], body)
        outcomes = await run_in_threadpool(intake.post, caller, received.events)
    except Invalid as invalid:
        EVENTS.labels("rejected").inc()
        raise invalid.refused(language) from None
    SECONDS.observe(time.perf_counter() - started)
    _count(caller, outcomes)
    if received.alone and isinstance(outcomes[0], Invalid):
        raise outcomes[0].refused(language)
    await _note_refused(request, outcomes)
    trace_id = problems.trace_id(request)
    answers = [
        _answer(event, outcome, language, trace_id)
        for event, outcome in zip(received.events, outcomes, strict=True)
    ]
    return Response(orjson.dumps({"events": answers}), 202, media_type="application/json")


@routes.get(
    "/v1/events/{id:path}",
    response_model=HowFar,
    responses=openapi.PROBLEMS_OF_GET,
    summary="How far an event of one's own came; role: sender",
)
def get_event(
    request: Request,
    ident: Annotated[str, Path(alias="id")],
    source: str | None = Query(None, description="default: one's own"),
) -> Response:
    intake = _intake(request)
    caller = intake.keys.caller(request.headers.get("authorization"))
    problems.acts(request, Actor.of(caller))
    require_sender(caller)
    own = SOURCE_PREFIX + caller.own_organisation
    if source not in (None, own):
        raise Refused(403, "not-your-source", _NOT_YOURS)
    with intake.engine.begin() as tx:
        look_as(tx, caller)
        language = language_of(request.headers.get("accept-language"))
        progress = how_far(tx, posted_id(own, ident), intake.outcomes, language)
    if progress is None:
        raise Refused(404, "no-such-event", _NO_SUCH)
    return Response(orjson.dumps(progress), media_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is served beside intake's calls, and how.

    `routers`: the calls of others. `unready` says for each part why it does not work now; by
    default the database alone is asked. `set_aside` counts what waits on the dead-letter desk.
    `operations_apart`: metrics and reasons are told elsewhere, here only whether it is ready.
    `hosts`: the names under which it answers, none: any.
    """

    routers: Sequence[APIRouter] = ()
    unready: Callable[[], Mapping[str, Text]] | None = None
    set_aside: SetAside = dict
    operations_apart: bool = False
    hosts: Collection[str] = ()


def build(
    engine: Engine,
    clock: Clock,
    secret: bytes,
    outcomes: Outcomes = nothing_yet,
    serving: Serving | None = None,
) -> FastAPI:
    """The application with intake's calls, health, metrics and the descriptions.

    ``app.state.readiness`` is what to tell where operations are apart.
    """
    serving = serving or Serving()
    app = FastAPI(
        title="guidui",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(well_formed)],
        description="归队: from a posted departure to the community that acts on it",
    )
    app.add_middleware(Hosts, names=serving.hosts)
    problems.install(app)
    app.state.intake = Intake(engine, clock, secret, outcomes)
    for router in (routes, *serving.routers):
        app.include_router(router)

    def own() -> dict[str, Text]:
        return database_away(engine)

    app.state.readiness = Readiness(serving.unready or own, own, serving.set_aside)
    app.include_router(operations.router(app, app.state.readiness, apart=serving.operations_apart))
    return app


def database_away(engine: Engine) -> dict[str, Text]:
    """`{"database": why}` where the database of `engine` does not answer, else nothing."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        return {}
    except SQLAlchemyError:
        return {"database": problems.STORE_DOWN}


async def _body(request: Request) -> bytes:
    """The whole body, or Refused(413). What is somewhat too long is read and dropped: many clients
    read an answer only once they have sent everything, and would see a broken connection instead.
    """
    if _announced_bytes(request) > modes.DROPPED_BYTES_MAX:
        raise Refused(413, "content-too-large", modes.TOO_LARGE)
    body = bytearray()
    taken = 0
    try:
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > modes.DROPPED_BYTES_MAX:
                break
            if taken <= modes.BODY_BYTES_MAX:
                body += chunk
    except ClientDisconnect:
        raise Refused(400, "cut-off", _CUT_OFF) from None
    if taken > modes.BODY_BYTES_MAX:
        raise Refused(413, "content-too-large", modes.TOO_LARGE)
    return bytes(body)


def _announced_bytes(request: Request) -> int:
    """How long the body is by its header; 0 where that says nothing, or nonsense."""
    content_length = request.headers.get("content-length", "")
    if not content_length.isdecimal() or len(content_length) >= 20:
        return 0
    return int(content_length)


async def _note_refused(request: Request, outcomes: Sequence[Outcome]) -> None:
    """Of a batch each kind of refusal is kept once; an event alone is refused as a whole, and kept
    where that is.
    """
    refusals = {outcome.code: outcome for outcome in outcomes if isinstance(outcome, Invalid)}
    if refusals:
        await run_in_threadpool(_write_refusals, request, refusals.values())


def _write_refusals(request: Request, refusals: Iterable[Invalid]) -> None:
    for refusal in refusals:
        problems.note_refusal(request, refusal.refused("en"))


def _count(caller: Caller, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        EVENTS.labels(outcome if isinstance(outcome, str) else "rejected").inc()
        if isinstance(outcome, Invalid) and outcome.status == 409:
            log.warning("id_taken_with_other_content", organisation=caller.organisation)


def _answer(event: Any, outcome: Outcome, language: str, trace_id: str) -> dict[str, Any]:
    answer = {"source": _echo(event, "source"), "id": _echo(event, "id")}
    if isinstance(outcome, str):
        return answer | {"status": outcome}
    return answer | {
        "status": "rejected",
        "problem": problem(outcome.refused(language), language, trace_id),
    }


def _echo(event: Any, name: str) -> str | None:
    value = event.get(name) if isinstance(event, dict) else None
    return value[:ECHO_MAX] if isinstance(value, str) else None
