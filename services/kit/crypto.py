"""Pseudonyms and keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def hmac_token(secret: bytes, text: str) -> str:
    """HMAC-SHA256 of `text` in hex: equal texts can be joined, and nobody without the secret can go
    back.
    """
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def new_key() -> str:
    """A fresh API key of 256 random bits."""
    return "gd_" + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """SHA-256 of an API key in hex. Keys are random, so a slow password hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def same(first: str, second: str) -> bool:
    """Compares two secrets in constant time."""
    return hmac.compare_digest(first.encode(), second.encode())
