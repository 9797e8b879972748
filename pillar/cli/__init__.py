"""The `pillar` command: one small module for each subject. What does not exist yet is not listed."""

import click

from pillar.cli.bench import bench
from pillar.cli.companies import create_company, create_staff
from pillar.cli.imports import import_customers
from pillar.cli.migrate import migrate
from pillar.cli.processes import scheduler, web, worker
from pillar.cli.sample import demo
from pillar.cli.up import up
from pillar.cli.verify import verify
from pillar.config import ConfigError


class _Pillar(click.Group):
    """Says what is wrong with the settings in words, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Pillar, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run and look after Pillar."""


for _command in (
    up,
    web,
    worker,
    scheduler,
    migrate,
    demo,
    create_company,
    create_staff,
    import_customers,
    verify,
    bench,
):
    main.add_command(_command)
