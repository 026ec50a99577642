"""``guidui post`` to a service that goes away: the exit code says whether something may be
stored.
"""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.kit.settings import Settings
from services.tools import post


class _Breaks(BaseHTTPRequestHandler):
    """Answers so many posts, then closes the connection without a word."""

    answers = 1

    def do_POST(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if type(self).answers == 0:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        type(self).answers -= 1
        body = json.dumps(
            {"events": [{"source": "s", "id": e["id"], "status": "accepted"} for e in events]}
        ).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def breaking():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Breaks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lines(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(
        "".join(
            json.dumps({"id": f"e{n}", "note": "a\u2028b"}, ensure_ascii=False) + "\n"
            for n in range(3)
        )
    )
    return str(file)


@pytest.mark.parametrize("answered", [0, 1, 2])
def test_what_may_be_stored_is_not_called_unchanged(breaking, lines, monkeypatch, capsys, answered):
    monkeypatch.setattr(post, "BATCH_MAX", 1)
    _Breaks.answers = answered
    assert post.post_lines(lines, Settings(url=breaking, key="k")) == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == answered
    assert f"{answered} of 3 events were answered" in told.err


def test_nobody_there_changes_nothing(lines, capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert post.post_lines(lines, Settings(url=f"http://127.0.0.1:{port}", key="k")) == 2
    assert "does not answer" in capsys.readouterr().err
