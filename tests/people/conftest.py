"""The portal's town, for what happens between a posting and a member's file."""

from __future__ import annotations

from tests.portal.conftest import clock, gazetteer, reader, town, url
