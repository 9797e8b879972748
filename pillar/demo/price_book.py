"""What Acme sells, so that the builder's look-up finds something."""

from __future__ import annotations

from pillar.services.price_book import ItemInput, create_item

_ITEMS = (
    ("WH-50", "50-gallon gas water heater", "9-year tank warranty", "each", 139_500),
    ("LAB", "Labor, licensed technician", "Drain, disconnect, install, test", "hr", 12_000),
    ("TUNE", "Furnace tune-up", "21-point check", "each", 14_900),
    ("FILTER", "Filter, 16 x 25 x 1", "", "each", 2_450),
    ("DISP", "Haul away the old unit", "", "each", 12_000),
)


def fill_price_book() -> None:
    """Add the items to the bound company."""
    for code, name, description, unit, price_cents in _ITEMS:
        create_item(
            ItemInput(
                code=code,
                name=name,
                description=description,
                unit=unit,
                price_cents=price_cents,
                is_taxable=False,
            )
        )
