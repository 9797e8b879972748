"""A company's logo: any picture comes in, one PNG of ours goes out (9.3; SAFETY: Input and output)."""

from __future__ import annotations

import os
import re
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps

from pillar.errors import RuleViolation
from pillar.tokens import public_id

MAX_SIDE = 512
MAX_PIXELS = 16_000_000
_KINDS = ("PNG", "JPEG", "WEBP")
_KEY = re.compile(r"[A-Za-z0-9_-]{22}\.png")
_UNREADABLE = "We could not read that picture. Use a PNG, JPEG or WebP file."
# What Pillow's readers raise on broken files.
_BROKEN_FILE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    SyntaxError,
    OverflowError,
    struct.error,
    zlib.error,
)


def store_logo(data_dir: Path, company_public_id: str, stream: IO[bytes]) -> str:
    """Re-encode an uploaded picture, keep it under a random name, and return that name."""
    body = encoded(stream)
    folder = _folder(data_dir, company_public_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = f"{public_id()}.png"
    beside = folder / f".{key}"
    with beside.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / key)
    return key


def logo_path(data_dir: Path, company_public_id: str, key: str) -> Path | None:
    """Where a stored logo lies; None when there is none of that name."""
    if not _KEY.fullmatch(key):
        return None
    path = _folder(data_dir, company_public_id) / key
    return path if path.is_file() else None


def encoded(stream: IO[bytes]) -> bytes:
    """The picture as a PNG of at most 512 pixels a side, without metadata. Raises RuleViolation."""
    try:
        with Image.open(stream, formats=_KINDS) as picture:
            # The header is read, nothing is decoded yet: a small file can claim a huge picture.
            if picture.width * picture.height > MAX_PIXELS:
                raise RuleViolation(
                    "That picture is too large. Use one of at most 16 megapixels.", field="logo"
                )
            return _redrawn(picture)
    except (*_BROKEN_FILE, Image.DecompressionBombError):
        raise RuleViolation(_UNREADABLE, field="logo") from None


def _redrawn(picture: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    # A fresh picture carries no text chunks, profile or location of the old one.
    clean = Image.new("RGBA", upright.size)
    clean.paste(upright)
    out = BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()


def _folder(data_dir: Path, company_public_id: str) -> Path:
    return data_dir / "files" / company_public_id
