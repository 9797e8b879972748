"""The code beside a one-time link: eight characters that can be read out and typed, `7K2M-Q4ZT` (1.4)."""

from __future__ import annotations

import secrets

from pillar.tokens import CROCKFORD

LENGTH = 8
_HALF = LENGTH // 2
# What people type for what they read: letters that the alphabet leaves out look like digits of it.
_MEANT = str.maketrans("OIL", "011")


def new_code() -> str:
    """A fresh code, 40 random bits."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(LENGTH))


def shown(code: str) -> str:
    """As a message shows it."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def read(typed: str) -> str:
    """The code that somebody meant, whatever its capitals, spaces and hyphens; empty when it cannot be one."""
    code = "".join(char for char in typed.upper() if char.isalnum()).translate(_MEANT)
    return code if len(code) == LENGTH and set(code) <= set(CROCKFORD) else ""
