"""`make score`: the address and identity engines on their labelled sets, with confidence intervals,
into docs/accuracy.md.
"""

from __future__ import annotations

from pathlib import Path

from tests.score import address, dirty, dirty_addresses, identity

REPORT = Path(__file__).parents[2] / "docs" / "accuracy.md"
HEAD = (
    "# Accuracy\n\nWritten by `make score`; intervals are Wilson's at 95 %.\n\n## Address to "
    "community\n\n"
)
MIDDLE = (
    "\n## Roster row to member\n\nThe model was fitted on these rows; [identity.md](identity.md) "
    "has the cross-validated "
    "figures.\n\n"
)

DIRTY = (
    "\n## As dirty as real lists\n\nMade with a seed: text from PDFs, short names of counties, "
    "roads of other provinces' names, "
    "counties that no table has; then rows masked, truncated, scanned, annotated, in pinyin.\n\n"
)
ROWS = 3000

if __name__ == "__main__":
    text = (
        HEAD
        + address.run()
        + MIDDLE
        + identity.report(identity.answered(identity.MEMBERS, identity.QUERIES, None))
    )
    text += DIRTY + dirty_addresses.run(ROWS) + "\n" + dirty.run(ROWS)
    print(text)
    REPORT.write_text(text, "utf-8")
