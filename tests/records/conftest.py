"""The portal's town, for what is kept of it."""

from tests.portal.conftest import clock, gazetteer, reader, town, url  # noqa: F401
