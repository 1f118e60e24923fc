"""What the tests stand on, shipped for whoever embeds honeystack: memory links, stack pairs, recording channels."""
