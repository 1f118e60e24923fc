"""A package of its own name: some distributions leave a `tests` of theirs in site-packages."""
