"""All probes of the battery, by name and version."""

from __future__ import annotations

from tests.live.battery_corners import corner_probes
from tests.live.battery_ip import ip_probes
from tests.live.battery_listeners import listener_probes
from tests.live.battery_paths import path_probes
from tests.live.battery_states import state_probes
from tests.live.battery_sweeps import sweep_probes
from tests.live.battery_tcp import tcp_probes
from tests.live.battery_transfers import transfer_probes
from tests.live.street import Probe

LONG = ("fragments: the ", "sending: ")  # these take longest, and so begin first


def all_probes() -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for version in (4, 6):
        of_version = tcp_probes(version) | state_probes() | corner_probes(version) | ip_probes(version)
        of_version |= sweep_probes(version) | transfer_probes(version) | path_probes(version) | listener_probes(version)
        found |= {f"{name} v{version}": probe for name, probe in of_version.items()}
    return dict(sorted(found.items(), key=lambda one: not one[0].startswith(LONG)))
