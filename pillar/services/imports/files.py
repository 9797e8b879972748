"""Where uploaded spreadsheets lie: under the company's own folder, by random names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

from pillar.errors import RuleViolation
from pillar.services.imports.reading import MAX_BYTES
from pillar.tokens import public_id

_KEY = re.compile(r"[A-Za-z0-9_-]{22}\.csv")
_BLOCK = 1024 * 1024
TOO_LARGE = f"This file is larger than {MAX_BYTES // _BLOCK} MB. Split it in two."


def store_file(data_dir: Path, company_public_id: str, stream: IO[bytes]) -> str:
    """Keep a spreadsheet and return its name. Raises RuleViolation when it is too large."""
    folder = _folder(data_dir, company_public_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = f"{public_id()}.csv"
    try:
        with (folder / key).open("xb") as file:
            while block := stream.read(_BLOCK):
                file.write(block)
                if file.tell() > MAX_BYTES:
                    raise RuleViolation(TOO_LARGE, field="file")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        forget_file(data_dir, company_public_id, key)
        raise
    return key


def file_path(data_dir: Path, company_public_id: str, key: str) -> Path | None:
    """Where a spreadsheet lies; None when it is gone."""
    path = _folder(data_dir, company_public_id) / key
    return path if _KEY.fullmatch(key) and path.is_file() else None


def forget_file(data_dir: Path, company_public_id: str, key: str) -> None:
    """Delete a spreadsheet."""
    (_folder(data_dir, company_public_id) / key).unlink(missing_ok=True)


def _folder(data_dir: Path, company_public_id: str) -> Path:
    return data_dir / "files" / company_public_id / "imports"
