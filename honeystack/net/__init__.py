"""The network stack: pure protocol below, drivers on Trio above."""
