"""Static files under addresses that name their content, served from memory, compressed once per process."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, request
from werkzeug.security import safe_join

from pillar.http.access import PUBLIC, needs

FOLDER = Path(__file__).parent.parent / "static"
_FOREVER = "public, max-age=31536000, immutable"
_LONGEST_NAME = 120
_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")

bp = Blueprint("assets", __name__)


class Asset:
    """One file: its bytes, its compressed bytes, its kind, the hash of its content."""

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.version = hashlib.sha256(self.body).hexdigest()[:12]
        self.kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        pays = self.kind.startswith(_COMPRESSED)
        self.compressed = gzip.compress(self.body, 9, mtime=0) if pays else b""


@lru_cache(maxsize=64)
def asset(name: str) -> Asset | None:
    """The named file below `static/`, or None."""
    path = safe_join(str(FOLDER), name)
    # Names come out of addresses, so they may be longer than any file system allows, or hold a NUL.
    if path is None or "\0" in name or len(name) > _LONGEST_NAME or not Path(path).is_file():
        return None
    return Asset(Path(path))


def static_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it for good."""
    found = asset(name)
    return f"/static/{found.version if found else '-'}/{name}"


def has_asset(name: str) -> bool:
    """Whether a file is there: vendor files are missing where npm could not be reached."""
    return asset(name) is not None


@bp.get("/static/<version>/<path:name>")
@needs(PUBLIC)
def serve(version: str, name: str) -> Response:
    """A static file. An address of an older release still answers, with the newer content."""
    if (found := asset(name)) is None:
        abort(404)
    use_gzip = bool(found.compressed) and "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(found.compressed if use_gzip else found.body, mimetype=found.kind)
    if use_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = _FOREVER if version == found.version else "no-cache"
    return response
