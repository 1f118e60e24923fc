"""`python -m honeystack` is the `honeystack` command."""

from honeystack.cli.main import main

if __name__ == "__main__":
    main(prog_name="honeystack")
