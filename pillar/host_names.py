"""Names that machines go by: what may stand in a Host header, and what a company may call its own (1.2)."""

from __future__ import annotations

import re

LONGEST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LEAST_LABELS = 2


def name_of(host: str) -> str:
    """The name in a Host header, without its port; an IPv6 address keeps its brackets."""
    name, _colon, port = host.lower().rpartition(":")
    return name if name and port.isascii() and port.isdigit() else host.lower()


def is_dns_name(name: str) -> bool:
    """Whether this is a full name in small letters, such as `portal.example.com`; a number is none."""
    labels = name.split(".")
    if len(name) > LONGEST or len(labels) < _LEAST_LABELS or labels[-1].isdigit():
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def ascii_name(typed: str) -> str:
    """What was typed as DNS writes it: small, and with letters beyond ASCII in their `xn--` form; else empty."""
    try:
        name = typed.strip().lower().encode("idna").decode()
    except UnicodeError:
        return ""
    return name if is_dns_name(name) else ""


def is_below(name: str, domain: str) -> bool:
    """Whether a name is this domain, or one below it."""
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))
