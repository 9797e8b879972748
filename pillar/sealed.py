"""Encryption at rest with the `PILLAR_DATA_KEYS` ring: the first key seals, every key opens."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class DataKeys:
    """Seals short secrets (TOTP seeds, sign-in mails, vendor credentials) for the database."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._ring = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        """Encrypt text under the first key."""
        return self._ring.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt text sealed under any key of the ring. Raises cryptography's InvalidToken."""
        return self._ring.decrypt(sealed.encode()).decode()
