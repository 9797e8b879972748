"""Signed links: the ring of keys, and nothing accepted but what was signed (1.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pillar import signed_links
from pillar.signed_links import LinkPurpose, NoSigningKey, SignedLink, read, sign

OLD, NEW, OTHER = "old-key-" + "o" * 32, "new-key-" + "n" * 32, "other-" + "x" * 32
TENANT, SUBJECT = "T" * 22, "-subject_of_22_chars-S"
END = datetime(2026, 12, 22, 10, 30, tzinfo=UTC)
PORTAL = LinkPurpose.PORTAL


@pytest.mark.parametrize(
    ("signed_by", "read_by", "is_good"),
    [
        ((OLD,), (OLD,), True),
        ((OLD,), (NEW, OLD), True),
        ((NEW, OLD), (NEW,), True),
        ((NEW, OLD), (OLD,), False),
        ((OLD,), (NEW,), False),
        ((OLD,), (), False),
    ],
)
def test_the_first_key_signs_and_all_verify(
    signed_by: tuple[str, ...], read_by: tuple[str, ...], is_good: bool
) -> None:
    token = sign(signed_by, PORTAL, TENANT, SUBJECT, END)
    assert read(read_by, PORTAL, TENANT, token) == (SignedLink(SUBJECT, END) if is_good else None)


def test_a_link_is_for_its_purpose_and_company_alone() -> None:
    token = sign([OLD], PORTAL, TENANT, SUBJECT, END)
    assert len(token) == 54
    assert read([OLD], LinkPurpose.FILE, TENANT, token) is None
    assert read([OLD], PORTAL, "U" * 22, token) is None
    assert signed_links.subject_of(token) == SUBJECT


def test_every_change_of_a_token_is_noticed() -> None:
    token = sign([OLD], PORTAL, TENANT, SUBJECT, END)
    for place in range(len(token)):
        for other in "A-z.":
            forged = token[:place] + other + token[place + 1 :]
            assert forged == token or read([OLD], PORTAL, TENANT, forged) is None, forged
    for forged in ("", "..", token[:-1], token + "A", f" {token}", token.replace("-", "\u2010", 1)):
        assert read([OLD], PORTAL, TENANT, forged) is None


def test_a_blank_link_is_as_long_and_worth_nothing() -> None:
    blank = signed_links.unsigned(SUBJECT, END)
    assert len(blank) == len(sign([OLD], PORTAL, TENANT, SUBJECT, END))
    assert read([OLD], PORTAL, TENANT, blank) is None


def test_ends() -> None:
    never = read(
        [OLD], LinkPurpose.UNSUBSCRIBE, TENANT, sign([OLD], LinkPurpose.UNSUBSCRIBE, TENANT, SUBJECT, None)
    )
    assert never == SignedLink(SUBJECT, None)
    assert not never.is_over(END)
    link = SignedLink(SUBJECT, END)
    assert not link.is_over(END - timedelta(seconds=1))
    assert link.is_over(END)


def test_nothing_is_signed_without_a_key_or_a_public_id() -> None:
    with pytest.raises(NoSigningKey):
        sign([], PORTAL, TENANT, SUBJECT, END)
    with pytest.raises(ValueError, match="public id"):
        sign([OLD], PORTAL, TENANT, "a.b", END)
