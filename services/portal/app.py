"""The portal: the calls of receivers and departments, and the pages."""
from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.portal import api


def routers(house: Any) -> list[APIRouter]:
    """Everything the portal serves, on a house's engines and clock."""
    return [api.router(house)]
