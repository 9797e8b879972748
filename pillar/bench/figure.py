"""One line of the bench."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, beside the floor of the same run where it has one. `ratio` is floor / value: 1.0 costs as little."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: float | None = None
    ok: bool = True

    def line(self) -> str:
        """For a person."""
        parts = [f"{self.name:<18} {self.value:>10.2f} {self.unit}"]
        if self.floor is not None:
            parts.append(f"floor {self.floor:.2f}")
        if self.ratio is not None:
            parts.append(f"ratio {self.ratio:.2f}")
        if self.target is not None:
            parts.append(f"target {self.target:g}")
        return "  ".join([*parts, "ok" if self.ok else "MISSED"])

    def json(self) -> str:
        """For a program."""
        return json.dumps(asdict(self))
