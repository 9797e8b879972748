"""Signs of life of web, worker and scheduler, for the health page and for honest sign-in pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pillar import clock
from pillar.models.processes import SILENT_AFTER, Heartbeat, is_alive

SENDERS = ("worker", "scheduler")
# What a sender notes when the mail vendor took its key: asked on its own, never learnt from anybody's mail.
MAIL = "mail"
_FORGOTTEN_AFTER = timedelta(days=1)


def beat(session: Session, process: str, kind: str) -> None:
    """Note that a process is alive."""
    row = session.get(Heartbeat, process) or Heartbeat(process=process, kind=kind)
    row.beat_at = clock.real_now()
    session.add(row)


def forget_the_dead(session: Session) -> None:
    """Rows of processes that were replaced long ago."""
    before = clock.real_now() - _FORGOTTEN_AFTER
    session.execute(delete(Heartbeat).where(Heartbeat.beat_at < before))


def can_send(session: Session) -> bool:
    """Whether anybody is there who would send mail now."""
    return is_alive(session, *SENDERS)


def can_mail(session: Session) -> bool:
    """Whether mail would leave now: somebody sends, and the vendor answered lately. The same for every address."""
    signs, since = last_signs(session), clock.real_now() - SILENT_AFTER
    fresh = {kind for kind, beat_at in signs.items() if beat_at > since}
    return MAIL in fresh and not fresh.isdisjoint(SENDERS)


def last_signs(session: Session) -> dict[str, datetime]:
    """The newest sign of life of each kind of process."""
    query = select(Heartbeat.kind, func.max(Heartbeat.beat_at)).group_by(Heartbeat.kind)
    return {kind: beat_at for kind, beat_at in session.execute(query)}  # noqa: C416 - rows are typed, dict() of them is not


def silent_kinds(session: Session) -> list[str]:
    """Which of worker and scheduler gave no sign of life for a minute."""
    signs, since = last_signs(session), clock.real_now() - SILENT_AFTER
    return [kind for kind in SENDERS if kind not in signs or signs[kind] < since]
