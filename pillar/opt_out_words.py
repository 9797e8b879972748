"""What people text back when they want no more texts, want them again, or want to know who writes.

Any reasonable words count (47 CFR 64.1200(a)(10)), not only a lone STOP. Where it is doubtful whether somebody means
it, it counts as a stop: one text too few does less harm than one too many.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pillar.text import fold


class Keyword(StrEnum):
    """What a text asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_LOOKED_AT = 2_000
# Compared without spaces and signs, so "S.T.O.P!", "stop all" and "opt-out" are among them.
_STOP = frozenset(
    "stop stopp stopall stopit cancel end quit optout optmeout revoke unsubscribe unsub remove removeme alto "
    "parar".split()
)
_START = frozenset("start unstop subscribe resubscribe resume restart optin".split())
_HELP = frozenset("help info".split())
# Beside one of these words, nothing but politeness: still a stop.
_LONE = frozenset("stop stopp stopall unsubscribe unsub optout revoke".split())
_POLITE = frozenset(
    "please pls plz now it this that all text texts texting message messages messaging msg msgs sms ok okay just "
    "thanks thank you immediately the these me us today kindly hey hi hello sorry right sir already and".split()
)
_MESSAGES = (
    r"(?:text|texts|texting|texted|messag\w*|msg|msgs|sms|contact\w*|sending|spam\w*|bother\w*|writing)"
)
# "Please don't stop texting me" asks for the opposite.
_GO_ON = re.compile(r"\b(?:do not|dont|don t|never) stop\b.*")
_SENTENCES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:stop|quit|cease|end)\b.{{0,40}}\b{_MESSAGES}\b",
        rf"\b(?:do not|dont|don t|never|no more|no longer)\b.{{0,30}}\b{_MESSAGES}\b",
        r"\b(?:unsubscribe|unsub)\b",
        r"\bopt(?:ing)? (?:me )?out\b",
        r"\b(?:take|get|remove|delete) (?:me|my number|my phone|this number|us)\b.{0,20}\b(?:off|from|list)\b",
        r"\b(?:remove|delete) (?:me|my number|this number)\b",
        r"\b(?:leave me alone|lose my number|wrong number|revoke (?:my )?consent)\b",
        r"\bwithdraw (?:my )?consent\b",
    )
)


def read_keyword(body: str) -> Keyword | None:
    """What the text asks for; None when it is an ordinary answer."""
    text = (
        fold(body[:_LOOKED_AT].replace("\N{OCTAGONAL SIGN}", " stop ")).replace("'", "").replace("\u2019", "")
    )
    words = re.findall(r"[a-z0-9]+", text)
    joined = "".join(words)
    if joined in _STOP or _is_polite_stop(words):
        return Keyword.STOP
    if joined in _START or _without_politeness(words) in _START:
        return Keyword.START
    if joined in _HELP or _without_politeness(words) in _HELP:
        return Keyword.HELP
    sentence = _GO_ON.sub("", " ".join(words))
    return Keyword.STOP if any(pattern.search(sentence) for pattern in _SENTENCES) else None


def _is_polite_stop(words: list[str]) -> bool:
    meant = [word for word in words if word not in _POLITE]
    return bool(meant) and all(word in _LONE for word in meant)


def _without_politeness(words: list[str]) -> str:
    return "".join(word for word in words if word not in _POLITE)
