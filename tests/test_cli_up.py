"""`pillar up`: starts, says so, starts again what dies, stops all, and leaves nothing behind."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest
import redis

from tests.support.machine import REPOSITORY, wait_until

# Generous, because the suite shares two cores; the figures themselves are measured by hand and noted.
READY_SECONDS = 60.0
KINDS = {"valkey", "web", "worker", "scheduler"}


def alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid):
    return psutil.Process(pid).children(recursive=True)


def by_kind(pid):
    """The direct children, by the name in the list of processes."""
    found = {}
    for child in psutil.Process(pid).children():
        # One may end while we look.
        with suppress(psutil.Error):
            words = " ".join(child.cmdline())
            found |= {kind: child for kind in KINDS if kind in words}
    return found


def read_until(process, wanted, seconds):
    """The first line of standard output that begins with `wanted`."""
    deadline, seen = time.monotonic() + seconds, b""
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.2)[0]:
            part = os.read(process.stdout.fileno(), 65536)
            seen += part
            for line in seen.decode().splitlines(keepends=True):
                if line.startswith(wanted) and line.endswith("\n"):
                    return line
            if not part:
                break
    process.kill()
    pytest.fail(
        f"no {wanted!r} within {seconds:g} s:\n{seen.decode()}\n{process.stderr.read().decode()[-4000:]}"
    )


@pytest.fixture
def run_python(tmp_path):
    """Starts small programs and ends them, with what they started, when the test ends."""
    started = []

    def run(arguments, **variables):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PILLAR_", "STRIPE_", "TWILIO_", "SENDGRID_"))
            and name not in {"DATABASE_URL", "REDIS_URL", "CUSTOMER_TOKEN_SECRET", "TRUSTED_PROXIES"}
        }
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment | {"PYTHONPATH": str(REPOSITORY)} | variables,
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        kin = family(process.pid) if process.poll() is None else []
        process.kill()
        for one in kin:
            if alive(one):
                one.kill()
        process.communicate()


@pytest.fixture
def supervise(run_python):
    """Runs a supervisor over children made of these bits of code."""

    def run(children, before=""):
        lines = "\n".join(
            f"supervisor.start(Child({name!r}, lambda: exec({code!r}), is_essential={name == 'needed'}))"
            for name, code in children.items()
        )
        program = textwrap.dedent("""
            import os, signal, sys, time
            from pillar.cli import supervisor as module
            from pillar.cli.supervisor import Child, Supervisor
            module.STOP_SECONDS = 2.0
            with Supervisor(closed_in_children=[]) as supervisor:
            {body}
                print("started", flush=True)
                supervisor.run(lambda: 60.0)
            print("failed" if supervisor.failed else "stopped", supervisor.failed, flush=True)
        """).format(body=textwrap.indent(f"{before}\n{lines}", "    "))
        process = run_python(["-c", program])
        read_until(process, "started", READY_SECONDS)
        return process

    return run


def test_what_children_say_is_shown_under_their_names(supervise):
    process = supervise({"talker": "print('one\\ntwo'); print('half', end='', flush=True); time.sleep(60)"})
    wait_until(lambda: len(family(process.pid)) == 1)
    time.sleep(0.5)
    process.terminate()
    out, err = process.communicate(timeout=10)
    assert b"stopped" in out
    assert [line for line in err.decode().splitlines() if "talker" in line] == [
        "talker    | one",
        "talker    | two",
        "talker    | half",
    ]


def test_a_child_that_dies_is_started_again(supervise):
    process = supervise({"sleeper": "time.sleep(60)"})
    first = wait_until(lambda: family(process.pid))[0]
    first.kill()
    second = wait_until(lambda: [child for child in family(process.pid) if child != first])[0]
    assert alive(second)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert b"sleeper   | ended unexpectedly (SIGKILL), starts again in 0.25 s" in err
    assert not alive(second)


def test_an_essential_child_that_never_settles_ends_everything(supervise):
    process = supervise(
        {"needed": "raise RuntimeError('no disk')", "sleeper": "time.sleep(60)"},
        before="module.LONGEST_PAUSE_SECONDS = 0.05",
    )
    out, err = process.communicate(timeout=20)
    assert b"failed needed ended 7 times in a row" in out
    assert b"needed    | RuntimeError: no disk" in err


def test_another_child_is_started_for_ever(supervise):
    process = supervise(
        {"broken": "raise RuntimeError('no disk')"}, before="module.LONGEST_PAUSE_SECONDS = 0.05"
    )
    time.sleep(3)
    assert process.poll() is None
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert err.count(b"ended unexpectedly") > 7


def test_a_child_that_does_not_stop_is_killed_with_what_it_started(supervise):
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); time.sleep(60)"
    process = supervise({"stubborn": stubborn})
    kin = wait_until(lambda: family(process.pid) if len(family(process.pid)) == 2 else None)
    time.sleep(0.3)
    began = time.monotonic()
    process.terminate()
    process.communicate(timeout=15)
    assert time.monotonic() - began < 6
    wait_until(lambda: not any(alive(one) for one in kin), what="all are gone")


def test_children_die_with_a_supervisor_that_is_killed(supervise):
    process = supervise({"one": "time.sleep(60)", "two": "signal.signal(15, signal.SIG_IGN); time.sleep(60)"})
    kin = wait_until(lambda: family(process.pid) if len(family(process.pid)) == 2 else None)
    time.sleep(0.3)
    process.kill()
    wait_until(lambda: not any(alive(one) for one in kin), within=5, what="the children are gone")


def test_without_a_death_signal_children_watch_a_pipe(supervise):
    """As on macOS."""
    process = supervise(
        {"one": "time.sleep(60)"}, before="import pillar.cli.lifeline as lifeline; lifeline.IS_LINUX = False"
    )
    kin = wait_until(lambda: family(process.pid))
    time.sleep(0.3)
    process.kill()
    wait_until(lambda: not any(alive(one) for one in kin), within=5, what="the child is gone")


@pytest.fixture
def up(run_python, tmp_path):
    """Starts `pillar up` and waits for its line of JSON."""

    def start(folder: Path = tmp_path / "var", **variables):
        settings = {"PILLAR_DATA_DIR": str(folder), "PILLAR_PORT": "0", "PILLAR_JSON": "1"} | variables
        process = run_python(["-m", "pillar.cli", "up"], **settings)
        return process, json.loads(read_until(process, '{"ready"', READY_SECONDS))

    return start


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.status


def ping(folder):
    address = json.loads((folder / "valkey.json").read_text())["socket"]
    with redis.Redis(unix_socket_path=unquote(address)) as client:
        try:
            return client.ping()
        except redis.RedisError:
            return False


def test_up_runs_everything_and_stops_it(up, tmp_path):
    folder = tmp_path / "var"
    process, ready = up()
    assert ready["ready"] is True
    assert set(ready["portals"]) == {"acme-hvac", "sparkle-clean"}
    assert {row["role"] for row in ready["staff"]} == {
        "admin",
        "manager",
        "office",
        "technician",
        "accountant",
    }
    assert ready["customers"][0]["email"] == "john.mitchell@acme.example"
    for path in ("/healthz", "/readyz", "/portal/acme-hvac", "/admin/"):
        assert fetch(ready["base_url"] + path) == 200
    assert set(by_kind(process.pid)) == KINDS
    assert ping(folder)
    kin = family(process.pid)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert time.monotonic() - began < 12
    assert not [one for one in kin if alive(one)]
    assert not (folder / "valkey.json").exists()
    open_to_others = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert not open_to_others


def test_up_survives_the_death_of_each_part_and_of_itself(up, tmp_path):
    folder = tmp_path / "var"
    process, ready = up()
    before = by_kind(process.pid)
    for child in before.values():
        child.kill()
    wait_until(
        lambda: set(by_kind(process.pid)) == KINDS and not any(alive(child) for child in before.values()),
        within=20,
        what="all parts run again",
    )
    wait_until(lambda: ping(folder), within=10)

    def answers():
        try:
            return fetch(ready["base_url"] + "/readyz") == 200
        except OSError:
            return False

    wait_until(answers, within=20, what="the pages answer again")
    kin = family(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(one) for one in kin), within=10, what="the children are gone")
    # The next start finds its data, makes no second sample, and takes the port that was just in use.
    port = ready["base_url"].rpartition(":")[2]
    again, second = up(PILLAR_PORT=port)
    assert second == ready
    again.terminate()
    _, err = again.communicate(timeout=20)
    assert b"Making the sample company" not in err


def test_one_up_for_each_data_directory(up, run_python, tmp_path):
    process, _ = up()
    second = run_python(["-m", "pillar.cli", "up"], PILLAR_DATA_DIR=str(tmp_path / "var"), PILLAR_PORT="0")
    _, err = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"already runs with the data directory {tmp_path / 'var'} (process {process.pid})" in err.decode()
    assert b"Traceback" not in err


@pytest.mark.parametrize("name", ["long" * 25, "with spaces"])
def test_a_data_directory_that_cannot_hold_the_socket_gets_a_short_one(up, tmp_path, name):
    folder = tmp_path / name
    process, ready = up(folder)
    assert ping(folder)
    assert fetch(ready["base_url"] + "/readyz") == 200
    short = Path(json.loads((folder / "valkey.json").read_text())["socket"]).parent
    assert len(os.fsencode(short)) < 80
    assert short.stat().st_mode & 0o777 == 0o700
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert b"ended unexpectedly" not in err
    assert not short.exists()


def test_a_port_in_use_is_said_in_words(run_python, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = run_python(
            ["-m", "pillar.cli", "up"], PILLAR_DATA_DIR=str(tmp_path / "var"), PILLAR_PORT=str(port)
        )
        _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert f"port {port} cannot be used" in err.decode()
    assert b"Traceback" not in err


def test_production_settings_that_are_wrong_are_said_in_words(run_python):
    process = run_python(["-m", "pillar.cli", "up"], PILLAR_ENV="production")
    _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    for name in ("PILLAR_SECRET_KEY", "PILLAR_DATA_KEYS", "PILLAR_BASE_URL"):
        assert name in err.decode()
    assert b"Traceback" not in err
