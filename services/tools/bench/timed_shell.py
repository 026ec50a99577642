"""Faust shells that count what they drain and print a Rate when the backlog is done."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import orjson

from services.kit.bus.faust_shell import BATCH_ROWS_MAX, FaustShell


class TimedShell(FaustShell):
    """The shell as it is, timed from its first batch to the acknowledgement of its last."""

    what = "seam"

    def __init__(self, consumer, kafka, *, group: str, expected: int) -> None:
        super().__init__(consumer, kafka)
        self.group, self.expected, self.count = f"{kafka.prefix}bench-{group}", expected, 0
        self._began = self._cpu = 0.0

    async def _run(self, events) -> None:
        self._begin()
        await super()._run(events)
        self._done(len(events))

    def _begin(self) -> None:
        if not self._began:
            self._began, self._cpu = time.perf_counter(), time.process_time()

    def _done(self, count: int) -> None:
        self.count += count
        if self.count >= self.expected:
            rate = {
                "what": self.what,
                "messages": self.count,
                "seconds": time.perf_counter() - self._began,
                "cpu_seconds": time.process_time() - self._cpu,
            }
            sys.stdout.buffer.write(orjson.dumps(rate))
            sys.stdout.flush()
            os._exit(0)


class NoopShell(TimedShell):
    """Bare Faust: asyncio's own loop, Python's own garbage collection, the same batches,
    acknowledged and forgotten.
    """

    what = "Faust no-op"

    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def _spare_collections(self) -> None:
        """As Python comes."""

    async def _take(self, stream) -> None:
        async for events in stream.noack_take(BATCH_ROWS_MAX, within=self.within):
            self._begin()
            for event in events:
                event.ack()
            self._done(len(events))
