"""POST /v1/events and GET /v1/events/{id}: statuses, modes, limits, languages."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from types import SimpleNamespace
from uuid import uuid4

import pytest

from schemas.departures import SOURCE_PREFIX, posted_id
from schemas.examples import EXAMPLES
from services.intake.app import build
from services.intake.progress import Outcome, outcomes_of
from services.kit.errors import Text
from services.registry.access import create_key
from tests.intake.conftest import SCHOOL, SECRET, UNIT
from tests.intake.served import Sender, served, statuses, stored

EVENT = EXAMPLES["guidui.departure.effective.v1"][0]
BATCH = EXAMPLES["guidui.graduation.batch.v1"][0] | {"source": SOURCE_PREFIX + UNIT}
NOTHING = {"posted_event": 0, "posted_person": 0, "event_log": 0}


def refused(answer, status: int) -> dict:
    """The problem of a refusal, which has all that RFC 9457 and the interface ask for."""
    problem = answer.json()
    assert answer.status_code == status == problem["status"], answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (
        problem["type"].startswith("urn:guidui:problem:")
        and problem["title"]
        and problem["trace_id"]
    )
    return problem


def test_an_event_is_stored_once_with_its_person_and_its_row_in_the_log(sender, worker):
    assert statuses(sender.one(EVENT)) == ["accepted"]
    assert statuses(sender.one(EVENT)) == ["duplicate"]
    assert stored(worker) == {"posted_event": 1, "posted_person": 1, "event_log": 1}
    with worker.begin() as tx:
        event, person, logged = (
            tx.exec_driver_sql(f"SELECT * FROM {t}").mappings().one()
            for t in ("posted_event", "posted_person", "event_log")
        )
    assert (
        event["data"] == {"category": "layoff", "effective_on": "2026-06-30"}
        and event["persons"] == 1
    )
    assert person["body"]["person"]["name"] == "示例甲"
    assert (logged["topic"], logged["type"]) == ("departures", "guidui.event.posted.v1")
    assert logged["event_id"] == event["id"] and logged["body"] == {"event": str(event["id"])}


def test_many_persons_are_one_event_and_a_row_each(sender, worker):
    assert statuses(sender.one(BATCH)) == ["accepted"]
    assert stored(worker) == {"posted_event": 1, "posted_person": 2, "event_log": 1}


@pytest.mark.parametrize("first", ["one", "binary"])
@pytest.mark.parametrize("second", ["one", "binary"])
def test_the_same_event_is_a_duplicate_in_whatever_mode(sender, first, second):
    assert statuses(getattr(sender, first)(EVENT)) == ["accepted"]
    assert statuses(getattr(sender, second)(EVENT)) == ["duplicate"]
    assert statuses(sender.batch([EVENT])) == ["duplicate"]


def test_binary_mode_reads_percent_encoded_headers(sender):
    assert statuses(sender.one(EVENT | {"id": "编号 1"})) == ["accepted"]
    encoded = {"ce-id": "%E7%BC%96%E5%8F%B7%201"}
    assert statuses(sender.binary(EVENT | {"id": "x"}, **encoded)) == ["duplicate"]
    refused(sender.binary(EVENT, **{"ce-id": "%FF"}), 422)


def test_the_same_id_with_another_body_never_overwrites(sender, worker):
    sender.one(EVENT)
    problem = refused(sender.one(EVENT | {"time": "2026-07-01T10:00:00+08:00"}), 409)
    assert "corrects" in problem["detail"] and stored(worker)["posted_event"] == 1
    new = EVENT | {"id": "new"}
    answer = sender.batch([EVENT | {"subject": "x"}, new, new, new | {"subject": "y"}])
    assert statuses(answer) == ["rejected", "accepted", "duplicate", "rejected"]
    assert [e["problem"]["status"] for e in answer.json()["events"] if "problem" in e] == [409, 409]


def test_eight_clients_at_once_store_one_event(url, key, worker):
    with Sender(url, key) as sender, ThreadPoolExecutor(8) as pool:
        answers = [statuses(a)[0] for a in pool.map(lambda _: sender.one(EVENT), range(64))]
    assert sorted(set(answers)) == ["accepted", "duplicate"] and answers.count("accepted") == 1
    assert stored(worker) == {"posted_event": 1, "posted_person": 1, "event_log": 1}


def test_batches_with_the_same_events_in_another_order_wait_for_each_other(url, key, worker):
    events = [EVENT | {"id": f"e{n}"} for n in range(300)]
    with Sender(url, key) as sender, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(sender.batch, [events, events[::-1]] * 3))
    assert sum(statuses(answer).count("accepted") for answer in answers) == 300
    assert stored(worker) == {"posted_event": 300, "posted_person": 300, "event_log": 300}


def test_one_bad_event_does_not_hold_up_a_batch(sender, worker):
    bad = EVENT | {"id": "bad", "data": {}}
    other = EVENT | {"id": "other", "source": SOURCE_PREFIX + SCHOOL}
    future = EVENT | {"id": "future", "type": "guidui.departure.effective.v2"}
    answer = sender.batch([bad, EVENT, 7, other, future, {"id": 5}])
    assert statuses(answer) == [
        "rejected",
        "accepted",
        "rejected",
        "rejected",
        "rejected",
        "rejected",
    ]
    told = answer.json()["events"]
    assert [e["problem"]["status"] for e in told if "problem" in e] == [422, 422, 403, 422, 422]
    assert (told[0]["id"], told[2]["id"], told[5]["id"]) == ("bad", None, None)
    assert stored(worker)["posted_event"] == 1
    assert statuses(sender.batch([])) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", "one"),
        ("{", "one"),
        (json.dumps(EVENT)[:200], "one"),
        ("[]", "one"),
        ("7", "one"),
        ("null", "one"),
        (b"\xff\xfe{}", "one"),
        ('{"a":"\\ud800"}', "one"),
        ('{"a":1e400}', "one"),
        ("[" * 3000, "one"),
        (json.dumps(EVENT, ensure_ascii=False).replace("示例甲", "\\u0000"), "one"),
        ("{}", "batch"),
        ("[{]", "batch"),
        ("[" * 3000, "batch"),
    ],
)
def test_what_cannot_be_read_is_told_so_and_nothing_is_written(sender, worker, content, kind):
    problem = refused(getattr(sender, kind)(content), 422)
    assert problem["detail"].endswith("。") and stored(worker) == NOTHING


def test_too_many_events_and_too_much_content_are_refused_whole(sender, worker):
    assert (
        "1000"
        in refused(sender.batch([EVENT | {"id": str(n)} for n in range(1001)]), 413)["detail"]
    )
    assert "5 MiB" in refused(sender.one(b" " * (6 * 1024 * 1024)), 413)["detail"]
    chunks = (b" " * 65536 for _ in range(96))
    headers = {"Content-Type": "application/cloudevents+json"}
    assert (
        "5 MiB"
        in refused(sender.post("/v1/events", content=chunks, headers=headers), 413)["detail"]
    )
    assert stored(worker) == NOTHING
    full = [EVENT | {"id": str(n)} for n in range(1000)]
    assert statuses(sender.batch(full)) == ["accepted"] * 1000


def test_a_client_that_reads_only_once_it_has_sent_everything_is_told_that_it_was_too_much(
    url, key
):
    connection = HTTPConnection(url.removeprefix("http://"))
    try:
        connection.request(
            "POST",
            "/v1/events",
            b" " * (6 * 1024 * 1024),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"},
        )
        assert connection.getresponse().status == 413
    finally:
        connection.close()


def test_a_connection_that_breaks_half_way_stores_nothing_and_leaves_intake_well(
    url, key, sender, worker
):
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps(EVENT).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/cloudevents+json\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port))) as line:
        line.sendall(head + body[: len(body) // 2])
    assert statuses(sender.one(EVENT | {"id": "after"})) == ["accepted"]
    assert stored(worker)["posted_event"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/cloudevents+json; charset=gbk"},
    ],
)
def test_another_format_is_refused_with_the_formats_that_serve(sender, headers):
    assert (
        "application/cloudevents-batch+json" in refused(sender.one(EVENT, **headers), 415)["detail"]
    )


def test_who_may_send(sender, url, worker, clock):
    refused(sender.one(EVENT, Authorization="Bearer gd_wrong"), 401)
    assert (
        sender.one(EVENT, Authorization="Bearer gd_wrong").headers["WWW-Authenticate"] == "Bearer"
    )
    refused(sender.one(EVENT, Authorization="Basic eDp5"), 401)
    refused(sender.one(EVENT | {"source": SOURCE_PREFIX + SCHOOL}), 403)
    refused(sender.one(EVENT | {"source": "https://elsewhere.example"}), 403)
    for role, status in (("receiver", 403), ("department", 403), ("admin", 202)):
        with worker.begin() as tx:
            key = create_key(tx, UNIT, role, clock.now())
        assert sender.one(EVENT, Authorization=f"Bearer {key}").status_code == status


def test_an_organisation_that_does_not_exist_is_named(sender, worker):
    event = json.loads(json.dumps(EVENT))
    event["data"]["to"]["organisation"] = "999999999999"
    assert "999999999999" in refused(sender.one(event), 422)["detail"] and stored(worker) == NOTHING
    event["data"]["to"]["organisation"] = SCHOOL
    assert statuses(sender.one(event)) == ["accepted"]


def test_sentences_come_in_the_language_asked_for(sender):
    chinese = refused(sender.one(EVENT | {"id": ""}), 422)
    english = refused(sender.one(EVENT | {"id": ""}, Accept_Language="en-GB,en;q=0.9"), 422)
    assert chinese["detail"].startswith("id 写成了") and english["detail"].startswith("id is")
    assert english["errors"] == [{"pointer": "/id", "detail": english["detail"]}]


def test_the_sender_asks_how_far_its_event_came(sender, url, worker, clock):
    odd = "a/b ?编号"
    sender.one(EVENT | {"id": odd})
    path = "/v1/events/a%2Fb%20%3F%E7%BC%96%E5%8F%B7"
    answer = sender.get(path, params={"source": EVENT["source"]})
    assert answer.json() == {
        "source": EVENT["source"],
        "id": odd,
        "state": "received",
        "cases": [],
        "times": {"received": "2026-11-23T10:00:00+08:00"},
    }
    refused(sender.get("/v1/events/other"), 404)
    refused(sender.get(f"/v1/events/{odd}", params={"source": SOURCE_PREFIX + SCHOOL}), 403)
    with worker.begin() as tx:
        school = create_key(tx, SCHOOL, "sender", clock.now())
    refused(sender.get(path, headers={"Authorization": f"Bearer {school}"}), 404)


def test_how_far_follows_the_matcher_and_the_case(web, clock, key, worker):
    at = [clock.now().replace(day=day) for day in range(23, 30)]
    case, other = uuid4(), uuid4()
    decided = {
        "hr-2026-0042": [("match", at[0], case)],
        "gr-2026-01": [("match", at[0], other), ("review", at[0], None)],
    }
    progress = {
        case: {"triaged": at[0], "letter_issued": at[2], "returned": at[4]},
        other: {"triaged": at[1]},
    }

    def decisions(tx, event_id):
        ext_id = tx.exec_driver_sql(
            "SELECT ext_id FROM posted_event WHERE id = %s", (event_id,)
        ).scalar_one()
        return [
            SimpleNamespace(
                decision=d, decided_at=t, case_id=c, position=0, notes=(), questions=(), words=None
            )
            for d, t, c in decided[ext_id]
        ]

    joined = outcomes_of(decisions, lambda tx, cases: {c: progress[c] for c in cases})

    def outcomes(tx, event_id):
        if event_id == posted_id(EVENT["source"], "odd"):
            return [Outcome("rejected", at[1], words=Text("读不懂。", "Unreadable."))]
        return joined(tx, event_id)

    with served(build(web, clock, SECRET, outcomes)) as url, Sender(url, key) as sender:
        sender.batch([EVENT, BATCH, EVENT | {"id": "odd"}])
        one, many, odd = (sender.get(f"/v1/events/{one_id}").json() for one_id in (*decided, "odd"))
    assert one["state"] == "letter_issued" and one["cases"] == [str(case)]
    assert list(one["times"]) == ["received", "identified", "routed", "letter_issued"]
    assert many["state"] == "review" and many["persons"] == {"routed": 1, "review": 1}
    assert many["cases"] == [str(other)]
    assert odd["state"] == "rejected" and odd["problem"] == "读不懂。"


def test_operations_need_no_key(sender):
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.yaml"):
        answer = sender.get(path, headers={"Authorization": ""})
        assert answer.status_code == 200 and answer.content
    assert sender.get("/readyz").json() == {"ready": True, "unready": {}}
    assert "guidui_intake_events_total" in sender.get("/metrics").text
