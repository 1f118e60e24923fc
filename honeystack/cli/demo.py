"""`honeystack demo`: the main job, watched on one machine without touching its network."""

from __future__ import annotations

import sys

import click

from honeystack.errors import Unavailable


@click.command()
@click.option("--secluded", is_flag=True, hidden=True, help="This process is already in namespaces of its own.")
def demo(*, secluded: bool) -> None:
    """Watch honeystack being attacked, on this machine.

    Builds two machines out of network namespaces, runs the documented example on one, and attacks it from the other
    with curl, openssl, bash, ping and nmap. Works as root, and as any user where the kernel allows user namespaces.
    """
    from honeystack.demo.play import play
    from honeystack.demo.seclusion import enter_seclusion

    try:
        if not secluded:
            enter_seclusion([sys.executable, "-m", "honeystack", "demo", "--secluded"])
        code = play()
    except Unavailable as reason:
        click.echo(f"honeystack demo: {reason}", err=True)
        code = 1
    except KeyboardInterrupt:
        click.echo("stopped; nothing is left behind", err=True)
        code = 130
    sys.exit(code)
