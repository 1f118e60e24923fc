"""TCP as RFC 9293 tells it, pure: inputs, outputs, virtual time."""
