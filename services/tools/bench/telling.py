"""The figures of `guidui bench` for people; each table says what stands beside what."""

from __future__ import annotations

from typing import Any


def of_machine(machine: dict[str, Any]) -> str:
    return (
        f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}; "
        f"load {machine['load']} before, {machine['load_after']} after"
    )


def of_pipeline(figures: dict[str, Any]) -> str:
    lines = [
        "Each consumer alone, draining its backlog from a real broker; beside it, alternating, a "
        "bare Faust",
        "worker that takes the same topic in the same batches and does nothing.",
        "",
        *_ratios(figures["consumers"], "Faust no-op"),
        "",
    ]
    for road in figures["end_to_end"]:
        lines += [
            f"End to end, {road['workers']} matcher(s) and {road['workers']} notifier(s): "
            f"{road['departures']:,} "
            f"departures over HTTP in {road['seconds']} s",
            f"  {road['per_second']:,} departures/s (posting alone: "
            f"{road['posted_per_second']:,}/s), "
            f"{road['cpu_seconds_per_1000']} CPU-seconds per 1,000:",
        ]
        lines += [
            f"    {part:<10}{figure['cpu_seconds_per_1000']:8.2f}   {100 * figure['share']:5.1f} %"
            for part, figure in road["parts"].items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def of_embedded(figures: dict[str, Any]) -> str:
    return "\n".join(
        [
            "The handler from the tailer of `guidui run`; beside it the same handler, called with "
            "batches in memory.",
            "",
            *_ratios(figures["consumers"], "bare step"),
        ]
    )


def of_latency(figures: dict[str, Any]) -> str:
    lines = [
        "Milliseconds from the moment an event was to be sent (open loop, one POST per event): to "
        "the answer; to",
        "the COMMIT of its alert (task row); to the COMMIT of the notice of that alert.",
        "",
        f"{'':24}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}",
    ]
    for name, rates in figures["services"].items():
        for rate, figure in rates.items():
            lines.append(
                f"{name}, {rate} events/s, {figure['events']:,} events; "
                f"wanted: p99 of the alert at most {figure['target_ms']}"
            )
            lines += [
                f"  {what:<22}{figure[key]['p50']:9.1f}{figure[key]['p90']:9.1f}"
                f"{figure[key]['p99']:9.1f}{figure[key]['max']:9.1f}"
                for what, key in (("answer", "post"), ("alert", "alert"), ("notice", "notice"))
            ]
    return "\n".join(lines)


def of_bulk(figures: dict[str, Any]) -> str:
    beside = figures["beside"]
    return "\n".join(
        [
            f"{figures['people']:,} people of one batch in {figures['events']} events: "
            f"{figures['children']:,} cases, "
            f"{figures['confirmed']:,} of them with a destination confirmed by one act for all; "
            f"wanted: at most {figures['wanted_seconds']} s",
            "",
            *(f"  {part:<16}{seconds:8.1f} s" for part, seconds in figures["seconds"].items()),
            f"  {'in all':<16}{figures['seconds_in_all']:8.1f} s   {figures['per_second']:,} "
            f"people/s",
            "",
            f"Beside it the {beside['what']} (who is it, which community; nothing written): "
            f"{beside['seconds']} s, "
            f"{beside['per_second']:,} people/s; the matcher reaches {beside['ratio']} of it.",
        ]
    )


def of_calendar(figures: dict[str, Any]) -> str:
    beside = figures["beside"]
    return "\n".join(
        [
            f"A new year over {figures['open_deadlines']:,} open deadlines: {figures['seconds']} s "
            f"({figures['per_second']:,}/s), {figures['moved']:,} moved and listed; wanted: at "
            f"most "
            f"{figures['wanted_seconds']} s",
            f"The same list again moves {figures['moved_by_the_same_list_again']}.",
            f"Beside it {beside['what']}: {beside['seconds']} s.",
        ]
    )


def _ratios(consumers: dict[str, Any], beside: str) -> list[str]:
    lines = [f"{'':28}{'messages/s':>12}{beside + ' /s':>18}{'ratio':>8}{'wanted':>9}"]
    return lines + [
        f"{name:<28}{figure['measured']['per_second']:12,}{figure['beside']['per_second']:18,}"
        f"{figure['ratio']:8.2f}{figure['wanted']:9.2f}"
        for name, figure in consumers.items()
    ]


def of_lookup(figures: dict[str, Any]) -> str:
    lines = [
        f"One person among {figures['members']:,} members (database "
        f"{figures['database_bytes'] / 1e9:.1f} GB, filled in "
        f"{figures['filled_seconds']} s) whose files are in memory: milliseconds to the decision "
        f"with its reasons; "
        f"wanted: p99 at most {figures['wanted_ms']}",
        "",
        f"{'':44}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}{'look-ups':>10}",
    ]
    named = [
        ("all", figures["ms"] | {"lookups": figures["lookups"]}),
        *sorted(figures["kinds"].items()),
        ("all, with the database's files on disk only", figures["from_disk"]),
        (figures["beside"]["what"], figures["beside"]["ms"] | {"lookups": figures["lookups"]}),
        ("the program's own CPU time", figures["cpu_ms"] | {"lookups": figures["lookups"]}),
    ]
    return "\n".join(
        lines
        + [
            f"{name:44}{figure['p50']:9.2f}{figure['p90']:9.2f}{figure['p99']:9.2f}{figure['max']:9.2f}"
            f"{figure['lookups']:10,}"
            for name, figure in named
        ]
        + [f"The database's CPU time: {figures['database_cpu_ms_each']} ms a look-up on average."]
    )


def of_roster(figures: dict[str, Any]) -> str:
    beside = figures["beside"]
    return "\n".join(
        [
            f"{figures['rows']:,} rows in {figures['events']} events against "
            f"{figures['members']:,} members, three in ten "
            f"damaged or without a number: {figures['seconds']} s, {figures['per_second']:,} "
            f"rows/s; wanted: at most "
            f"{figures['wanted_seconds']} s (CPU: program {figures['cpu_seconds']['program']}, "
            f"database "
            f"{figures['cpu_seconds']['database']} s)",
            "",
            f"Beside it the {beside['what']}: {beside['seconds']} s. Decisions: "
            + ", ".join(f"{n:,} {name}" for name, n in figures["decisions"].items())
            + f"; wrong matches: {figures['wrong']}.",
            f"The whole matcher (who, where, and {figures['whole']['cases']:,} cases written): "
            f"{figures['whole']['seconds']} s, "
            f"{figures['whole']['per_second']:,} rows/s (CPU of the program: "
            f"{figures['whole']['cpu_seconds']} s).",
        ]
    )


def of_letters(figures: dict[str, Any]) -> str:
    """`guidui bench letters` in words."""
    names = {
        "letters": "three-part letters",
        "over_print": "over-printed values",
        "beside": "bare ReportLab, one line a page",
    }
    lines = [f"{figures['pages']} pages in one PDF, each kind in a process of its own"]
    for key, name in names.items():
        figure = figures[key]
        lines.append(
            f"  {name:<32} {figure['pages_per_second']:>8} pages/s  {figure['seconds']:>7} s "
            f"({figure['cpu_seconds']} s CPU)  "
            f"peak {figure['peak_mb']} MB  file {figure['file_mb']} MB"
        )
    return "\n".join(lines)


def of_pages(figures: dict[str, Any]) -> str:
    """`guidui bench portal` and `bench audit` in words."""
    beside = figures["beside"]
    lines = [
        f"{figures['organisations']:,} organisations, {figures['members']:,} members, "
        f"{figures['cases']:,} transfers of a year; "
        "milliseconds over HTTP until the last byte",
        "",
        f"{'':36}{'p50':>9}{'p95':>9}{'max':>9}{'wanted p95':>12}{'bytes':>10}",
    ]
    lines += [
        f"{name:36}{figure['p50']:9.1f}{figure['p95']:9.1f}{figure['max']:9.1f}{figure['wanted_p95']:12,}{figure['bytes']:10,}"
        for name, figure in figures["pages"].items()
    ]
    return "\n".join(
        [*lines, f"{beside['what']:36}{beside['p50']:9.1f}{beside['p95']:9.1f}{beside['max']:9.1f}"]
    )


def of_sealed(figures: dict[str, Any]) -> str:
    """`guidui bench sealed` in words."""
    lines = [
        f"{figures['organisations']:,} organisations, {figures['cases']:,} cases; milliseconds "
        f"from BEGIN to the last row, "
        f"wanted: at most {figures['wanted_ms']} ms and {figures['wanted_times']} times of "
        f"unsealed",
        "",
        f"{'':28}{'sealed p50':>12}{'p99':>9}{'unsealed p50':>14}{'p99':>9}{'times':>8}",
    ]
    lines += [
        f"{name:28}{figure['sealed']['p50']:12.2f}{figure['sealed']['p99']:9.1f}{figure['unsealed']['p50']:14.2f}"
        f"{figure['unsealed']['p99']:9.1f}{figure['times']:8.2f}"
        for name, figure in figures["lists"].items()
    ]
    return "\n".join(lines)
