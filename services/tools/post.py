"""``guidui post``: CloudEvents, one JSON object a line, to intake; one answer line per event."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx

from services.kit.settings import Settings

BATCH_MAX = 500


def post_lines(file: str, settings: Settings) -> int:
    """Posts the lines of a file (or standard input): 0 all accepted or known already, 1 some not,
    or the answer was lost and some may be stored, 2 nothing was posted.
    """
    if settings.key is None:
        print("guidui: GUIDUI_KEY is not set (guidui key create)", file=sys.stderr)
        return 2
    if file != "-" and not Path(file).is_file():
        print(f"guidui: no such file: {file}", file=sys.stderr)
        return 2
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"guidui: {file} cannot be read as UTF-8: {error}", file=sys.stderr)
        return 2
    events, bad = [], 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            events.append(json.loads(line))
        except ValueError as error:
            bad += 1
            print(f"line {number}: not JSON: {error}", file=sys.stderr)
    failed = bad
    with httpx.Client(
        base_url=settings.url,
        timeout=60,
        headers={"Authorization": f"Bearer {settings.key.get_secret_value()}"},
    ) as client:
        for start in range(0, len(events), BATCH_MAX):
            try:
                answers = _post(client, events[start : start + BATCH_MAX])
            except (httpx.HTTPError, ValueError, KeyError) as error:
                print(
                    f"guidui: {settings.url} does not answer: {error or type(error).__name__}",
                    file=sys.stderr,
                )
                return _left(error, start, len(events))
            for answer in answers:
                failed += answer.get("status") not in ("accepted", "duplicate")
                print(json.dumps(answer, ensure_ascii=False))
    return 1 if failed else 0


def _left(error: Exception, done: int, events: int) -> int:
    """The exit code after a post that was not answered: 2 only where certainly nothing of the file
    is stored.
    """
    if done == 0 and isinstance(error, (httpx.ConnectError, httpx.UnsupportedProtocol)):
        return 2
    print(
        f"guidui: {done} of {events} events were answered; the rest may be stored or not. Post "
        f"the file again: what is"
        " stored already is not stored twice.",
        file=sys.stderr,
    )
    return 1


def _post(client: httpx.Client, batch: list) -> list[dict]:
    answer = client.post(
        "/v1/events",
        content=json.dumps(batch, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/cloudevents-batch+json"},
    )
    problem = answer.json()
    if answer.status_code == 202:
        return problem["events"]
    return [
        {
            "source": e.get("source") if isinstance(e, dict) else None,
            "id": e.get("id") if isinstance(e, dict) else None,
            "status": "rejected",
            "problem": problem,
        }
        for e in batch
    ]
