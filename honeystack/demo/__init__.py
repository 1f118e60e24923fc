"""The demo: the documented example, attacked on this machine in network namespaces of its own."""
