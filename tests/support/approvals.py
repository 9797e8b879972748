"""Many customers who press Approve at the same moment, in a process of their own: `python -m … TOKEN NUMBER DIR`.

Each opens the page like a person, waits for the others of all processes, and posts.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from pillar import create_app
from tests.support.client import PillarClient

_PATIENCE = 60.0


def main(token: str, number: str, folder: str) -> None:
    """Print one line of JSON: status and target of every answer."""
    app = create_app()
    app.test_client_class = PillarClient
    people = int(number)
    everybody_here = Barrier(people + 1)
    start = Path(folder) / "start"

    def one(_n: int) -> tuple[int, str]:
        client: PillarClient = app.test_client()  # type: ignore[assignment]
        form = client.page(f"/quote/{token}").form("#sign form")
        everybody_here.wait(_PATIENCE)
        deadline = time.monotonic() + _PATIENCE
        while not start.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        done = client.submit(form, signer_name="John Mitchell", consent=True)
        return done.status, done.response.location or done.text[:300]

    with ThreadPoolExecutor(people) as pool:
        answers = [pool.submit(one, n) for n in range(people)]
        everybody_here.wait(_PATIENCE)
        (Path(folder) / f"ready-{token}-{id(app)}-{time.monotonic_ns()}").touch()
        sys.stdout.write(json.dumps([answer.result() for answer in answers]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
