"""A real browser on the test's own application and database."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Playwright, Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.machine import REPOSITORY, lacks

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
DESK = {"viewport": {"width": 1280, "height": 900}}
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    "--disable-gpu",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
]
_AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
_AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_TIMEOUT_MS = 10_000


def chromium() -> str:
    """The system's Chromium; skips by name where there is none."""
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return found
    return lacks("Chromium", f"none of {', '.join(_PROGRAMS)} is in PATH")


def launch(playwright: Playwright) -> Browser:
    """Start the browser, once per worker process."""
    return playwright.chromium.launch(executable_path=chromium(), args=_ARGUMENTS)


def listening_socket() -> socket.socket:
    """A port of our own, held from before the application is made: its settings name the address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


@contextmanager
def serving(app: Flask, listener: socket.socket) -> Iterator[str]:
    """Serve the application on that port in threads, as long as the block runs."""
    host, port = listener.getsockname()
    server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join(5)


@dataclass
class Visit:
    """What went wrong on the pages that one visitor opened; a test may look and forgive by clearing it."""

    origin: str
    problems: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect console errors, policy violations, script errors, failed and off-site requests."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        # A page of ours with status 422 is also reported here; `_on_response` tells those from broken parts.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:", "about:")):
            self.problems.append(f"off-site request: {request.url}")

    def _on_response(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if response.status >= 500 or (response.status >= 400 and not is_page):
            self.problems.append(f"{response.status} for {response.url}")


@contextmanager
def visiting(browser: Browser, origin: str, device: dict[str, Any]) -> Iterator[tuple[Page, Visit]]:
    """A page in a fresh profile (no cookies), watched."""
    context = browser.new_context(base_url=origin, locale="en-US", timezone_id="America/Chicago", **device)
    context.set_default_timeout(_TIMEOUT_MS)
    visit = Visit(origin)
    page = context.new_page()
    visit.watch(page)
    context.on("page", visit.watch)
    try:
        yield page, visit
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """The accessibility violations of the page as it is now, one line each."""
    if not _AXE.exists():
        lacks("axe-core", f"{_AXE.relative_to(REPOSITORY)} is missing: run `npm ci --ignore-scripts`")
    if not page.evaluate("() => Boolean(window.axe)"):
        # Through the debugger, which our content security policy does not bind. Wrapped: no CommonJS export.
        page.evaluate(f"() => {{ {_AXE.read_text()} \n }}")
    # Without preload: it would fetch style sheets again, and the policy forbids that.
    # Only violations are written out: naming every element that passed takes longer than looking at it.
    violations = page.evaluate(
        "rules => axe.run(document, {preload: false, resultTypes: ['violations'],"
        " runOnly: {type: 'tag', values: rules}}).then(found => found.violations)",
        _AXE_RULES,
    )
    return [_line(violation, node) for violation in violations for node in violation["nodes"]]


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    width: bool = page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    return width


def path_of(page: Page) -> str:
    """The path that the browser shows."""
    return urlsplit(page.url).path


def _line(violation: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(str(node.get("failureSummary", "")).split())
    return f"{violation['id']} ({violation['impact']}): {node['target']} {why}"


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Requests are not printed."""


__all__ = [
    "DESK",
    "PHONE",
    "Error",
    "Visit",
    "axe",
    "fits",
    "launch",
    "listening_socket",
    "path_of",
    "serving",
    "visiting",
]
