"""What a child is told to do in the tests of its bounds."""

from __future__ import annotations

import json
import os
import time

from services.kit.errors import Refused, Text


def echo(content: bytes) -> bytes:
    """The content, turned round."""
    return content[::-1]


def refuse(content: bytes) -> bytes:
    """A refusal with its members."""
    raise Refused(422, "so-it-is", Text("不行", "no"), field="file")


def fail(content: bytes) -> bytes:
    """A fault of a decoder."""
    raise ZeroDivisionError


def crash(content: bytes) -> bytes:
    """A decoder that breaks off."""
    os.abort()


def grow(content: bytes) -> bytes:
    """Memory without end."""
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def spin(content: bytes) -> bytes:
    """The processor without end."""
    while True:
        pass


def sleep(content: bytes) -> bytes:
    """Nothing without end."""
    time.sleep(60)
    return b""


def flood(content: bytes) -> bytes:
    """An answer without end."""
    while True:
        os.write(1, b"x" * 1_000_000)


def look_round(content: bytes) -> bytes:
    """What a child finds of the process that started it."""
    try:
        with open("/tmp/made-by-a-child", "wb") as file:
            file.write(b"x" * 100)
            file.flush()
        wrote = True
    except OSError:
        wrote = False
    handles = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    return json.dumps(
        {"environment": sorted(os.environ), "handles": handles[:-1], "wrote": wrote}
    ).encode()
