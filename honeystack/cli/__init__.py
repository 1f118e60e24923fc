"""The door for operators: the `honeystack` command."""
