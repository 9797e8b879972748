"""`python -m pillar.cli`: the same as the `pillar` command."""

from pillar.cli import main

main(prog_name="pillar")
