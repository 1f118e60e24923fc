"""Several processes for one honeypot: the one that was started supervises, the others answer packets.

supervisor: fence, taps, channels, signals  ── SETUP, RELOAD, STOP ─▶  worker: stack, conversations, services
            one bus, one heartbeat          ◀─ EVENTS, COUNTERS ────  on one tap of the kernel's fan-out
"""
