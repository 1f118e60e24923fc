"""`honeystack schema`: JSON Schema of the configuration, and of the events in each format."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["config", "event"]))
@click.option("--format", "form", type=click.Choice(["honeytrap", "ecs"]), default="honeytrap", show_default=True)
def command(what: str, form: str) -> None:
    """JSON Schema of the configuration, or of the events in one of their formats."""
    click.echo(json.dumps(_config() if what == "config" else _event(form), indent=2, ensure_ascii=False))


def _config() -> dict[str, object]:
    # Either schema loads what it describes, which is much, and only one is asked for.
    from honeystack.config.schema import config_schema

    return config_schema()


def _event(form: str) -> dict[str, object]:
    from honeystack.events.schema import event_schema

    return event_schema(form)
