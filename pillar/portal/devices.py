"""A browser in plain words, for a list that a person should recognise."""

from __future__ import annotations

# The first that is found counts: most browsers also call themselves by older names.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_MACHINES = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "a Chromebook"),
    ("Macintosh", "a Mac"),
    ("Linux", "Linux"),
)


def described(user_agent: str) -> str:
    """`Safari on an iPhone`; what cannot be told is left out."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "A browser")
    machine = next((name for sign, name in _MACHINES if sign in user_agent), "")
    return f"{browser} on {machine}" if machine else browser
