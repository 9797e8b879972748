"""Reads PDFs back: what a person and a screen reader find on them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pypdf import PdfReader

# Breaks of very long words, which nobody sees.
_UNSEEN = "\u200b"


class ReadPdf:
    """One PDF."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._reader = PdfReader(BytesIO(body))
        self.pages = [page.extract_text().replace(_UNSEEN, "") for page in self._reader.pages]

    @property
    def text(self) -> str:
        """All its words with single spaces."""
        return " ".join(" ".join(self.pages).split())

    @property
    def title(self) -> str:
        """The title that a viewer shows."""
        return str(self._reader.metadata.title if self._reader.metadata else "")

    @property
    def is_tagged(self) -> bool:
        """Whether it has a structure to read aloud."""
        catalog: Any = self._reader.trailer["/Root"]
        return bool(catalog.get("/MarkInfo", {}).get("/Marked"))

    @property
    def is_accessible(self) -> bool:
        """Whether it says that it is PDF/UA-1."""
        catalog: Any = self._reader.trailer["/Root"]
        return b"<pdfuaid:part>1" in catalog["/Metadata"].get_data()
