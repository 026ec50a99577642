"""Errors that carry their status and their sentence, and how they look on the wire (RFC 9457)."""

from __future__ import annotations

from typing import Any, NamedTuple


class Text(NamedTuple):
    """One sentence in the two languages users read."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.en if language == "en" else self.zh


class Refused(Exception):
    """What an edge answers instead of doing it. `code` is the kebab-case problem type, `extra` its
    members.
    """

    def __init__(self, status: int, code: str, words: Text, **extra: Any) -> None:
        super().__init__(words.en)
        self.status, self.code, self.words, self.extra = status, code, words, extra


class CannotStart(Exception):
    """A command cannot do its work in these surroundings, and has changed nothing. The sentence
    says what helps.
    """


class Poison(Exception):
    """A business error of one message: repeating it would not help, the dead-letter desk
    decides.
    """

    def __init__(self, words: Text) -> None:
        super().__init__(words.en)
        self.words = words


TITLES = {
    400: Text("请求不成形", "Bad request"),
    401: Text("未登录", "Not signed in"),
    403: Text("无权办理", "Not allowed"),
    404: Text("没有找到", "Not found"),
    405: Text("不支持这种方法", "Method not allowed"),
    406: Text("没有这种格式", "Not acceptable"),
    409: Text("与现状冲突", "Conflict"),
    410: Text("已不存在", "Gone"),
    408: Text("没有按时传完", "Request timeout"),
    414: Text("网址过长", "Address too long"),
    431: Text("请求头过大", "Request header fields too large"),
    413: Text("内容过大", "Content too large"),
    415: Text("不支持这种格式", "Unsupported media type"),
    421: Text("网址不对", "Misdirected request"),
    422: Text("内容不合要求", "Unprocessable content"),
    429: Text("请求过多", "Too many requests"),
    500: Text("系统内部错误", "Internal error"),
    503: Text("暂时无法办理", "Temporarily unavailable"),
}


def problem(refused: Refused, language: str, trace_id: str) -> dict[str, Any]:
    """The problem details object of RFC 9457, section 3.1."""
    title = TITLES.get(refused.status, TITLES[500 if refused.status >= 500 else 400])
    return {
        "type": f"urn:guidui:problem:{refused.code}",
        "title": title.in_language(language),
        "status": refused.status,
        "detail": refused.words.in_language(language),
        **refused.extra,
        "trace_id": trace_id,
    }


def language_of(accept_language: str | None) -> str:
    """ "en" or "zh": what Accept-Language (RFC 9110, section 12.5.4) likes better; zh where it says
    nothing.
    """
    best, quality_best = "zh", 0.0
    for part in (accept_language or "").lower().split(","):
        tag, _, weight = part.strip().partition(";q=")
        language = tag.strip()[:2]
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if language in ("zh", "en") and quality > quality_best:
            best, quality_best = language, quality
    return best
