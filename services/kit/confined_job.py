"""The child's side of `confined`: limits first, then the file, then the answer. Imports nothing but
what it must.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module

from services.kit.errors import Refused

MEMORY_BYTES_MAX = 280 << 20  # address space, so that what is really used stays below 300 MB
CPU_SECONDS_MAX = 1.6  # of the processor; each part of a file that is read in parts has as much
CPU_SECONDS_EVER_MAX = 20
FILES_MAX = 64
EXHAUSTED = 70


def main(job: str) -> None:
    """Does one job and ends the process: 0 with an answer, `EXHAUSTED` or a signal without."""
    limit_everything()
    module, _, name = job.partition(":")
    act = getattr(import_module(module), name)
    try:
        answer = b"+" + act(sys.stdin.buffer.read())
    except Refused as refused:
        answer = b"-" + _told(refused)
    except MemoryError:
        os._exit(EXHAUSTED)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing of a decoder's own ending may change the outcome


def limit_everything() -> None:
    """Memory, processor, files: nobody can lift what is set here but the system's owner."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_SECONDS_EVER_MAX),
        (resource.RLIMIT_NOFILE, FILES_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    next_part()


def next_part() -> None:
    """Gives the next part of a file (a page) its own time; whoever takes longer is ended by
    SIGPROF.
    """
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS_MAX)


def _told(refused: Refused) -> bytes:
    failure = {
        "status": refused.status,
        "code": refused.code,
        "zh": refused.words.zh,
        "en": refused.words.en,
        "extra": refused.extra,
    }
    return json.dumps(failure).encode()
