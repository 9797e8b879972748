"""The tabs of a signed-in customer, in the order of FEATURES 10. A feature brings its tab by one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pillar.services.branding import CompanyProfile

_BAR_SIZE = 5


def _always(_company: CompanyProfile) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab: its page below the portal's address, its name, its shorter name in a phone's bar, and when it is there.

    `bar_rank` says which tabs a phone's bar keeps where not all of them fit; the lowest stay.
    """

    path: str
    label: str
    short_label: str
    icon: str
    bar_rank: int
    is_on: Callable[[CompanyProfile], bool] = _always


@dataclass(frozen=True, slots=True)
class Navigation:
    """The tabs of one company. On a phone those in `more` are behind a button; wider, all stand in `tabs`."""

    tabs: Sequence[Tab]
    more: Sequence[Tab]


TABS: Sequence[Tab] = (
    Tab("/estimates", "Estimates", "Estimates", "document", bar_rank=2),
    Tab("/profile", "My profile", "Profile", "person", bar_rank=5),
)


def navigation(company: CompanyProfile, tabs: Sequence[Tab] = ()) -> Navigation:
    """The tabs whose features are on; with more than fit into a bar, the least needed go behind More."""
    shown = [tab for tab in tabs or TABS if tab.is_on(company)]
    if len(shown) <= _BAR_SIZE:
        return Navigation(shown, ())
    kept = sorted(shown, key=lambda tab: tab.bar_rank)[: _BAR_SIZE - 1]
    return Navigation(shown, [tab for tab in shown if tab not in kept])
