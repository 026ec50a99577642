"""The town of the portal's tests, with letters on the way."""

from tests.portal.conftest import clock, gazetteer, reader, town, url
