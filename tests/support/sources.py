"""Reads our own source as syntax trees, for the rules of `test_architecture.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.support.machine import REPOSITORY

PACKAGE = "pillar"
EDGES = ("public", "portal", "admin", "tasks", "cli", "demo", "bench")
_FOLDERS = ("models", "gateways", "services", "http", *EDGES)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported name: `from pillar.models import staff` is `pillar.models.staff`."""

    name: str
    line: int
    is_inside_function: bool
    is_for_types_only: bool


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree."""
        return list(ast.walk(self.tree))

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def layer(self) -> str:
        """`leaf`, `wiring` (create_app, which knows everything) or the name of its folder."""
        return layer_of(self.module)

    def imports(self) -> tuple[Import, ...]:
        """Every import in it."""
        return self._imports

    @cached_property
    def _imports(self) -> tuple[Import, ...]:
        return tuple(self._find_imports())

    def _find_imports(self) -> Iterator[Import]:
        inside = {id(node) for function in self.functions() for node in ast.walk(function)}
        for_types = {
            id(node)
            for block in self.nodes
            if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
            for node in ast.walk(block)
        }
        for node in self.nodes:
            for name in self._imported(node):
                yield Import(name, node.lineno, id(node) in inside, id(node) in for_types)  # type: ignore[attr-defined]

    def functions(self) -> Iterator[_Function]:
        """Every function and method, nested ones too."""
        for node in self.nodes:
            if isinstance(node, _Function):
                yield node

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Calls of a method or function with this last name."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and last_name(node.func) == name:
                yield node

    def at(self, line: int, complaint: str) -> str:
        """A complaint that an editor can jump to."""
        return f"{self.path}:{line}: {complaint}"

    def _imported(self, node: ast.AST) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            base = self._base(node)
            return [f"{base}.{alias.name}" for alias in node.names]
        return []

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        kept = package if self.path.endswith("__init__.py") else package[:-1]
        kept = kept[: len(kept) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])


def layer_of(module: str) -> str:
    """The layer that a dotted name belongs to."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return "library"
    if len(parts) == 1 or parts[1] in ("create_app", "__main__"):
        return "wiring"
    return parts[1] if parts[1] in _FOLDERS else "leaf"


def last_name(node: ast.expr) -> str:
    """`commit` for `db.session.commit`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def read_all(*folders: str) -> list[Source]:
    """Every Python file below these folders of the repository."""
    files = sorted(file for folder in folders for file in (REPOSITORY / folder).rglob("*.py"))
    return [_read(file) for file in files if "node_modules" not in file.parts]


@cache
def _read(file: Path) -> Source:
    return Source(file.relative_to(REPOSITORY).as_posix(), file.read_text())
