"""`guidui bench letters`: 10,000 three-part letters as one PDF beside the bare library writing as
many pages of one line.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

from services.records.letters.form import Sheet
from services.records.letters.numerals import capital

PAGES = 10_000
_SURNAMES, _GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "建国志强秀英春兰育文晓明海燕文静"
_RARE = "𠮷䶮㛃𠅤𡈁𠀀"  # every hundredth name has one


def measured(pages: int) -> dict[str, Any]:
    """Each in a process of its own, so that its peak of memory is its own; ``seconds`` include the
    file on disk.
    """
    context = get_context("spawn")
    figures = {}
    for name, write in (("letters", whole), ("over_print", over_print), ("beside", bare)):
        with context.Pool(1) as pool:
            figures[name] = pool.apply(_run, (write, pages))
    return {"pages": pages, **figures}


def _run(write: Any, pages: int) -> dict[str, float]:
    with tempfile.TemporaryFile() as out:
        begun, used = time.monotonic(), time.process_time()
        write(out, pages)
        out.flush()
        os.fsync(out.fileno())
        seconds, cpu = time.monotonic() - begun, time.process_time() - used
        size = out.tell()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "pages_per_second": round(pages / seconds, 1),
        "peak_mb": round(peak, 1),
        "file_mb": round(size / 1e6, 2),
    }


def whole(out: Any, pages: int) -> None:
    """All three parts, with a QR code."""
    from services.records.letters import pdf
    from services.records.letters.fonts import fonts_of

    pdf.write_letters(out, _sheets(pages), fonts_of())


def over_print(out: Any, pages: int) -> None:
    """The values alone."""
    from services.records.letters import pdf
    from services.records.letters.fonts import fonts_of

    pdf.write_letters(out, _sheets(pages), fonts_of(), pdf.Offset(1.5, -2.0))


def bare(out: Any, pages: int) -> None:
    """ReportLab with the same font: one line of text a page, without any check."""
    from reportlab.pdfgen.canvas import Canvas

    from services.records.letters.fonts import fonts_of

    font = fonts_of().font_of("中")
    assert font is not None, "no font of the letters draws 中"
    canvas = Canvas(out, pageCompression=1, invariant=1)
    for sheet in _sheets(pages):
        canvas.setFont(font, 12)
        canvas.drawString(72, 720, f"第{sheet.values['number']}号 {sheet.values['name'][:2]}同志")
        canvas.showPage()
    canvas.save()


def _sheets(pages: int) -> Iterator[Sheet]:
    for n in range(pages):
        name = (
            _SURNAMES[n % 16]
            + _GIVEN[n // 16 % 16]
            + (_RARE[n // 100 % 6] if n % 100 == 0 else _GIVEN[n // 256 % 16])
        )
        yield Sheet(
            {
                "number": f"越组{n:06}",
                "name": name,
                "from": f"中共绍兴越城示例纺织有限公司第{n % 40 + 1}支部委员会",
                "to": f"中共柯桥街道示例社区第{n % 90 + 1}支部委员会",
                "header": "中共柯桥街道工作委员会",
                "age": str(25 + n % 60),
                "committee": "中共绍兴越城示例纺织有限公司委员会",
                "date": "2026年11月23日",
                "ethnicity": "汉",
                "id_number": f"330602{1940 + n % 60}0101{n % 1000:03}X",
                "dues_year": "贰零贰陆",
                "dues_month": capital(n % 12 + 1),
                "validity": capital(30 + n % 61),
                "member_phone": f"139{n:08}",
                "address": "浙江省绍兴市越城区示例路8号",
                "phone": "0575-80000000",
                "fax": "0575-80000001",
                "postcode": "312000",
            },
            {"sex": "男" if n % 2 else "女", "status": "正式"},
            f"https://guidui.example.org/l/ABCDEFGHJK{n:06}",
        )
