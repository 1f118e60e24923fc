"""Who reports: the sensor's name and its lasting token, stamped on every event by the encoders."""

from __future__ import annotations

import attrs


@attrs.frozen
class Sensor:
    """`token` is made once per installation and tells sensors apart that bear one name."""

    name: str = "honeystack"
    token: str = ""
