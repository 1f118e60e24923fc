"""Measurements beside a kernel-socket server in the same run: `python -m bench`, or `make bench`."""
