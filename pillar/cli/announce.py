"""Says when the product is ready, where it is and who can sign in."""

import http.client
import json
import os
import sys
import time
from urllib.parse import urlsplit

from pillar.cli.sample import Sample, read_sample
from pillar.config import Config

ASK_EVERY_SECONDS = 0.1
COMPLAIN_AFTER_SECONDS = 30.0


class Announcement:
    """Asks `/readyz` until it says yes, then prints once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._is_done = False
        self._complain_at = time.monotonic() + COMPLAIN_AFTER_SECONDS

    def tick(self) -> float:
        """Ask once; how many seconds to wait before the next question."""
        if self._is_done:
            return 3600.0
        answer = readiness(self._config)
        if answer == "200":
            self._is_done = True
            announce(self._config)
        elif time.monotonic() > self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_AFTER_SECONDS
            print(f"Not ready yet: /readyz says {answer}", file=sys.stderr, flush=True)
        return ASK_EVERY_SECONDS


def readiness(config: Config) -> str:
    """The status of `/readyz`, or why there is none."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104 - not bound here
    connection = http.client.HTTPConnection(host, config.port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": urlsplit(config.base_url).netloc})
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
    finally:
        connection.close()


def announce(config: Config) -> None:
    """Print the addresses and sign-ins, and one line of JSON when PILLAR_JSON=1."""
    sample = read_sample(config)
    lines = [_for_people(config, sample)]
    if os.environ.get("PILLAR_JSON") == "1":
        lines.append(json.dumps({"ready": True, "base_url": config.base_url, **sample}))
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # Nobody reads any more; the product runs all the same.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _for_people(config: Config, sample: Sample) -> str:
    rows = [("Staff", f"{config.base_url}/admin/")]
    rows += [("Portal", address) for address in sample["portals"].values()]
    text = ["", f"Pillar is ready at {config.base_url} (Ctrl-C stops it)", ""]
    text += [f"  {name:<10}{address}" for name, address in rows]
    if sample["staff"]:
        text += ["", f"Sample sign-ins (password {sample['staff'][0]['password']} for all):"]
        text += [f"  {person['role']:<12}{person['email']}" for person in sample["staff"]]
        text += [f"  {'customer':<12}{person['email']}" for person in sample["customers"]]
    return "\n".join([*text, ""])
