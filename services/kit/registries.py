"""The kinds of package registry that guidui fetches from, and what a person is told when one cannot
be reached.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a client writes when it fails -> the reason in plain words. The first that fits counts.
_REASONS = (
    (
        ("DO NOT MATCH THE HASHES", "do not match the hashes", "EINTEGRITY"),
        "what arrived is not what the lock file names",
    ),
    (("No space left", "ENOSPC"), "the disk is full"),
    (
        (
            "CERTIFICATE_VERIFY_FAILED",
            "SSLError",
            "SELF_SIGNED",
            "UNABLE_TO_GET_ISSUER",
            "UNABLE_TO_VERIFY",
        ),
        "its certificate is not trusted here",
    ),
    (
        ("ProxyError", "Cannot connect to proxy", "Tunnel connection failed"),
        "the proxy does not let through",
    ),
    (
        (
            "getaddrinfo",
            "Name or service not known",
            "name resolution",
            "ENOTFOUND",
            "EAI_AGAIN",
            "Failed to resolve",
        ),
        "its name cannot be resolved",
    ),
    (("Connection refused", "ECONNREFUSED"), "the connection is refused"),
    (
        (
            "timed out",
            "Timeout",
            "ETIMEDOUT",
            "ECONNRESET",
            "Connection reset",
            "Network is unreachable",
        ),
        "it does not answer",
    ),
    (("401", "403", "407", "E401", "E403"), "it wants a login"),
    (
        ("404", "E404", "No matching distribution", "ETARGET"),
        "it does not hold this, or does not answer",
    ),
)
WORDS_MAX = 200


@dataclass(frozen=True, slots=True)
class Registry:
    """A kind of registry, and the environment variables by which its client is told how to reach
    one.
    """

    kind: str
    certificate: str
    mirror: str
    proxy: str = "HTTPS_PROXY"

    def failure(self, fetched: str, client_output: str) -> str:
        """One sentence: what could not be fetched, from where, why, and what to set.

        `client_output` is whatever the client wrote; only its reason is taken from it.
        """
        return (
            f"{fetched} could not be fetched from {self.kind} ({reason(client_output)}); "
            f"set {self.proxy} if this machine goes out through a proxy, {self.certificate} if a "
            f"certificate "
            f"authority of your own signs, {self.mirror} if you have a mirror"
        )


PYTHON = Registry("a Python package index", "PIP_CERT", "PIP_INDEX_URL")
NPM = Registry("an npm registry", "NODE_EXTRA_CA_CERTS", "npm_config_registry")
MAVEN = Registry("a Maven repository", "REQUESTS_CA_BUNDLE", "GUIDUI_MAVEN")


def reason(client_output: str) -> str:
    """Why a client failed, in plain words; its own last line where it says something unknown."""
    for signs, words in _REASONS:
        if any(sign in client_output for sign in signs):
            return words
    lines = client_output.strip().splitlines()
    return lines[-1].strip()[:WORDS_MAX] if lines else "the client ended without a word"
