"""What the machine gives a test run: a folder of its own, locks, and honest skips for what is missing."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn, TypeVar

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
T = TypeVar("T")
_PREFIX = "pillar-tests-"
_MEMORY = Path("/dev/shm")
_ROOM_WANTED = 2 * 1024**3


def lacks(what: str, reason: str) -> NoReturn:
    """Skip by name, or fail where everything has to be there (`CI=true`)."""
    message = f"{what}: {reason}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message + " (CI=true: nothing may be skipped)", pytrace=False)
    pytest.skip(message)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all worker processes of this run share."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_until(ask: Callable[[], T], *, within: float = 10.0, what: str = "") -> T:
    """Ask again and again until the answer is true, and return it; fail when the time is over."""
    deadline = time.monotonic() + within
    pause = 0.01
    while not (answer := ask()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:g} seconds: {what or getattr(ask, '__name__', 'condition')}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return answer


class RunFolder:
    """One temporary folder for all workers of a run; the lock on it tells later runs whether it is alive."""

    def __init__(self, path: Path, owner: IO[str] | None = None) -> None:
        self.path = path
        self._owner = owner

    @classmethod
    def create(cls) -> RunFolder:
        """Make the folder, in memory where there is room (a database reset is then ten times cheaper)."""
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_fast_folder()))
        # Others may pass through but not look: the folder of user `postgres` lies inside.
        path.chmod(0o711)
        owner = (path / "owner").open("w")
        fcntl.flock(owner, fcntl.LOCK_EX)
        return cls(path, owner)

    def worker(self, name: str) -> Path:
        """The folder of one worker process."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def remove(self) -> None:
        """Delete the folder; only the process that made it does."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.let_go()

    def let_go(self) -> None:
        """Give up the lock, as the end of the process does."""
        if self._owner is not None:
            self._owner.close()


def abandoned_folders() -> list[Path]:
    """Run folders whose process was killed: nobody holds their lock any more."""
    folders = {
        path
        for parent in (_fast_folder(), Path(tempfile.gettempdir()))
        for path in parent.glob(f"{_PREFIX}*")
    }
    return sorted(
        folder for folder in folders if folder.stat().st_uid == os.getuid() and _is_abandoned(folder)
    )


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / "owner").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Held, or not yet written by a run that is just starting.
        return False
    return True


def _fast_folder() -> Path:
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_WANTED:
        return _MEMORY
    return Path(tempfile.gettempdir())
