"""Children that die with the process that started them, however it ends."""

import contextlib
import ctypes
import os
import signal
import sys
import threading

try:
    from setproctitle import setproctitle
except ImportError:

    def setproctitle(title: str) -> None:
        """Not installed on macOS, where naming a process after a fork crashes it."""


_PR_SET_PDEATHSIG = 1
IS_LINUX = sys.platform == "linux"


def name_process(kind: str) -> None:
    """Show `pillar web`, `pillar worker` … in the list of processes."""
    setproctitle(f"pillar {kind}")


def die_with_parent(parent: int, watched: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have this process ended by `number` when its parent ends.

    Linux's kernel does it. Elsewhere a thread waits for the end of a pipe that only the parent can write to.
    """
    if not IS_LINUX:
        threading.Thread(target=_wait_for_end, args=(watched, number), daemon=True).start()
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        # It ended before the kernel knew of our wish.
        os.kill(os.getpid(), number)


def _wait_for_end(watched: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        while os.read(watched, 1):
            pass
    os.killpg(os.getpgid(0), number)
