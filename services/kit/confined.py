"""Strangers' files are opened in a process of their own, which may use little memory and little
time.

`read("package.module:function", content)` starts a bare Python, hands it the bytes and gives back
the bytes that the function made of them. Decoders of workbooks, pictures and PDFs fail in any way
there: the process may be killed for memory or time, or crash; the caller gets a sentence and the
service goes on. At most two run at once.

The child has no environment, no open files of ours and no secrets; see `confined_job` for its side.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import structlog

from services.kit.errors import Refused, Text

log = structlog.get_logger()

AT_ONCE_MAX = 2
WAITING_MAX = 8
WAIT_SECONDS_MAX = 15.0
WALL_SECONDS_MAX = 20.0  # a machine under load gives a child little of the processor
ANSWER_BYTES_MAX = 48 << 20
PIECE_BYTES = 1 << 20
DONE, REFUSED = b"+", b"-"

_BUSY = Text(
    "正在读取别的文件，请过一会儿再传；什么都没有保存。",
    "Other files are being read; send it again in a moment. Nothing was kept.",
)
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from services.kit.confined_job import main; main(sys.argv[1])"
)
_places = threading.BoundedSemaphore(AT_ONCE_MAX)
_waiting = threading.BoundedSemaphore(WAITING_MAX)


class Exhausted(Exception):
    """The file was given up: it took too much memory or time, or its decoder broke off. `how` is
    for the log.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class _Ended(NamedTuple):
    answer: bytes
    returncode: int


def read(job: str, content: bytes) -> bytes:
    """What the function `job` ("package.module:function", bytes to bytes) makes of `content`, in a
    child process.

    Raises what the function refused (`Refused`), `Refused` 503 where too many files are being read,
    and `Exhausted`.
    """
    with _a_place():
        started = time.monotonic()
        ended = _run(job, content)
    log.info(
        "file_read",
        job=job,
        bytes=len(content),
        seconds=round(time.monotonic() - started, 3),
        end=ended.returncode,
    )
    mark, answer = ended.answer[:1], ended.answer[1:]
    if ended.returncode != 0 or mark not in (DONE, REFUSED):
        raise Exhausted(f"the child ended with {ended.returncode}")
    if mark == REFUSED:
        raise _refused(answer)
    return answer


@contextmanager
def _a_place() -> Generator[None]:
    """Waits for one of the few places; those who wait are few too, since each holds a thread of the
    service.
    """
    if not _waiting.acquire(blocking=False):
        raise Refused(503, "busy-reading", _BUSY)
    try:
        taken = _places.acquire(timeout=WAIT_SECONDS_MAX)
    finally:
        _waiting.release()
    if not taken:
        raise Refused(503, "busy-reading", _BUSY)
    try:
        yield
    finally:
        _places.release()


def _run(job: str, content: bytes) -> _Ended:
    with _file_in_memory(content) as given:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT, job, json.dumps(_paths())],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        )
        try:
            assert child.stdout is not None
            answer = _answer_of(child, child.stdout)
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
    return _Ended(answer, child.returncode)


def _answer_of(child: subprocess.Popen[bytes], output: IO[bytes]) -> bytes:
    """What the child writes until it closes its output; cut off at the limits of time and size."""
    until = time.monotonic() + WALL_SECONDS_MAX
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            if not selector.select(max(until - time.monotonic(), 0)):
                raise Exhausted("the child took too long")
            piece = os.read(output.fileno(), PIECE_BYTES)
            if not piece:
                break
            answer += piece
            if len(answer) > ANSWER_BYTES_MAX:
                raise Exhausted("the child wrote too much")
    try:
        child.wait(max(until - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise Exhausted("the child did not end") from None
    return bytes(answer)


@contextmanager
def _file_in_memory(content: bytes) -> Generator[BinaryIO]:
    """A file without a name that holds `content`: in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        file = os.fdopen(os.memfd_create("given"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, as the other is
    with file:
        file.write(content)
        file.seek(0)
        yield file


def _paths() -> list[str]:
    """Where the child finds the packages: as this process does."""
    ours = str(Path(__file__).resolve().parents[2])
    return [ours, *(os.path.abspath(path) for path in sys.path if path)]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", **kept}


def _refused(answer: bytes) -> Refused:
    failure = json.loads(answer)
    return Refused(
        failure["status"], failure["code"], Text(failure["zh"], failure["en"]), **failure["extra"]
    )
