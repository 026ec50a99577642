"""The town of the portal's tests."""

from tests.portal.conftest import clock, gazetteer, town, url
