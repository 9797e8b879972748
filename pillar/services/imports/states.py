"""Names of the states -> their two letters."""

from __future__ import annotations

_NAMES = """
AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas
KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi
MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York
NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|PR Puerto Rico|RI Rhode Island
SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|VI Virgin Islands
WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming|GU Guam|AS American Samoa|MP Northern Mariana Islands
"""
_CODES = {
    entry[3:].casefold(): entry[:2] for line in _NAMES.strip().splitlines() for entry in line.split("|")
}
STATE_CODES = frozenset(_CODES.values())
_CODE_LENGTH = 2


def state_code(typed: str) -> str:
    """`Ohio`, `oh` and `O.H.` -> `OH`; anything else as it was typed."""
    letters = typed.replace(".", "").strip()
    if len(letters) == _CODE_LENGTH and letters.isascii():
        return letters.upper()
    return _CODES.get(typed.strip().casefold(), typed.strip())
