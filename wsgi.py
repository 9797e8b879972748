"""The WSGI entry point for other servers than `pillar web`: `wsgi:app`."""

from pillar import create_app

app = create_app()
