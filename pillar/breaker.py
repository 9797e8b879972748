"""Stops asking a server that does not answer, so that nobody waits for it again and again."""

from __future__ import annotations

import threading
import time


class Breaker:
    """After `failures` in a row it is open for `seconds`; then one caller tries for all."""

    def __init__(self, *, failures: int, seconds: float) -> None:
        self._failures = failures
        self._seconds = seconds
        self._in_a_row = 0
        self._open_until = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether to try now. After the pause one caller gets to, the others wait for how it goes."""
        with self._lock:
            if self._in_a_row < self._failures:
                return True
            now = time.monotonic()
            if now < self._open_until:
                return False
            self._open_until = now + self._seconds
            return True

    def succeeded(self) -> None:
        """It answered."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """It did not."""
        with self._lock:
            self._in_a_row += 1
            self._open_until = time.monotonic() + self._seconds
