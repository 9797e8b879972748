"""Lists and search of the office at scale: a company with many customers, one with 10,000, one with 100."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote

from pillar.bench.companies import Bench
from pillar.bench.figure import Figure
from pillar.bench.pages import FLOOR, PRODUCT, floor_url
from pillar.bench.server import Server, serving

# The goals hold where the floor costs this; a slower machine gets as much more.
_USUAL_FLOOR = 3.4
_LIST_MS, _P50_MS, _P99_MS = 15, 10, 50
_LIST_GROWS, _SEARCH_GROWS = 1.2, 2.0
_LIST = "/admin/customers/"
# Every kind of page, sort and filter that the list of customers offers.
VARIANTS = (
    "",
    "?page=400",
    "?desc=1&sort=display_name",
    "?page=400&sort=display_name&desc=1",
    "?sort=created_at",
    "?sort=created_at&desc=1&page=400",
    "?view=active&page=200",
    "?view=inactive",
    "?view=deleted",
    "?city=Dayton",
    "?city=Dayton&page=400",
    "?city=Yellow+Springs&sort=created_at&desc=1",
    "?city=nowhere",
    "?state=OH&page=400&sort=display_name&desc=1",
    "?tag=VIP",
    "?tag=VIP&city=Dayton&page=100",
    "?place=45402",
    "?search=smith",
    "?search=dayton&sort=created_at",
)


def measure_lists(
    companies: Sequence[Bench], folder: Path, environment: Mapping[str, str], *, is_quick: bool
) -> Iterator[Figure]:
    """The list by CPU, the search by the clock of one person who types; each against the floor of this run."""
    rounds = 1 if is_quick else 4
    with ExitStack() as stack:
        floor = stack.enter_context(serving(FLOOR, {"PILLAR_BENCH_FLOOR_URL": floor_url(folder)}))
        product = stack.enter_context(serving(PRODUCT, environment))
        for company in companies:
            product.load(_LIST, 60, company.headers)
        costs = [_list_costs(floor, product, companies, rounds) for _turn in range(3)]
        floor_ms = median(turn["floor"] for turn in costs)
        lists = {each.slug: median(turn[each.slug] for turn in costs) for each in companies}
        yield from _list_figures(companies, lists, floor_ms)
        yield _slowest(product, companies[0], floor_ms, is_quick=is_quick)
        people = 5 if is_quick else 20
        searches = {each.slug: _search_ms(product, each, people, 2 * rounds) for each in companies}
    yield from _search_figures(companies, searches, floor_ms)


def _list_costs(floor: Server, product: Server, companies: Sequence[Bench], rounds: int) -> dict[str, float]:
    requests = 60 * rounds
    costs = {each.slug: product.load(_LIST, requests, each.headers).cpu_ms for each in companies}
    return {"floor": floor.load("/", requests).cpu_ms, **costs}


def _list_figures(
    companies: Sequence[Bench], costs: Mapping[str, float], floor_ms: float
) -> Iterator[Figure]:
    big, middle, small = companies
    most = _LIST_MS * floor_ms / _USUAL_FLOOR
    for name, company in (("admin_list", big), ("admin_list_10000", middle), ("admin_list_small", small)):
        cost = costs[company.slug]
        unit = f"ms CPU, {company.customers:,} customers"
        yield Figure(name, cost, unit, floor_ms, floor_ms / cost, most, cost <= most)
    grown = costs[big.slug] / costs[middle.slug]
    yield Figure("admin_list_growth", grown, "times", target=_LIST_GROWS, ok=grown <= _LIST_GROWS)


def _slowest(product: Server, company: Bench, floor_ms: float, *, is_quick: bool) -> Figure:
    """The most expensive of all pages, sorts and filters."""
    costs: dict[str, float] = {}
    for variant in VARIANTS:
        path = _LIST + variant
        product.load(path, 4, company.headers)
        turns = (product.load(path, 8 if is_quick else 40, company.headers) for _turn in range(3))
        costs[variant] = min(turn.cpu_ms for turn in turns)
    worst = max(costs, key=lambda variant: costs[variant])
    most = _LIST_MS * floor_ms / _USUAL_FLOOR
    unit = f"ms CPU, {worst or 'the list itself'}"
    cost = costs[worst]
    return Figure("admin_list_slowest", cost, unit, floor_ms, floor_ms / cost, most, cost <= most)


def _search_ms(product: Server, company: Bench, people: int, rounds: int) -> list[float]:
    """How long each answer of the search took, one after the other, over the whole mix."""
    words = [typed for each in company.words[:people] for typed in each.values()]
    paths = [f"/admin/search/suggest?q={quote(typed)}" for typed in words]
    product.times(paths, company.headers)
    return [taken for _round in range(rounds) for taken in product.times(paths, company.headers)]


def _search_figures(
    companies: Sequence[Bench], times: Mapping[str, list[float]], floor_ms: float
) -> Iterator[Figure]:
    big, middle, small = companies
    slower = floor_ms / _USUAL_FLOOR
    for name, company in (
        ("admin_search", big),
        ("admin_search_10000", middle),
        ("admin_search_small", small),
    ):
        unit = f"ms, {company.customers:,} customers"
        cuts = quantiles(times[company.slug], n=100)
        p50, p99 = cuts[49], cuts[98]
        yield Figure(name, p50, unit, floor_ms, target=_P50_MS * slower, ok=p50 <= _P50_MS * slower)
        yield Figure(f"{name}_p99", p99, unit, floor_ms, target=_P99_MS * slower, ok=p99 <= _P99_MS * slower)
    grown = median(times[big.slug]) / median(times[middle.slug])
    yield Figure("admin_search_growth", grown, "times", target=_SEARCH_GROWS, ok=grown <= _SEARCH_GROWS)
