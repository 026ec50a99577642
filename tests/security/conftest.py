"""The town of the portal's tests, attacked from its neighbours."""

from tests.portal.conftest import clock, gazetteer, reader, town, url
from tests.security.test_events import street
