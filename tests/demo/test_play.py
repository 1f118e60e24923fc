from __future__ import annotations

import subprocess
from types import SimpleNamespace

from honeystack.demo.attacks import Attack, Expected
from honeystack.demo.audience import Audience
from honeystack.demo.play import act

REQUEST = b'{"category": "http", "type": "request"}\n'
ATTACK = Attack(
    "A page", ("curl",), "curl", (Expected("http", "request"),), lambda output: "a page" if "200" in output else None
)


class Attacker:
    """The attacker's machine: its client's words are given."""

    def __init__(self, said: str | None) -> None:
        self.said = said

    def run(self, *_: str, **__: object) -> SimpleNamespace:
        if self.said is None:
            raise subprocess.TimeoutExpired("curl", 15)
        return SimpleNamespace(stdout=self.said, stderr="")


def faults(said: str | None, *output: bytes, attack: Attack = ATTACK) -> tuple[list[str], list[str]]:
    shown: list[str] = []
    audience = Audience([], lambda _: None)
    audience.ended.join()
    stage = SimpleNamespace(attacker=Attacker(said))
    audience.wait_for = lambda *_, **__: [] if output else list(attack.expected)  # type: ignore[method-assign]
    return act(stage, audience, 1, attack, lambda line, _: shown.append(line)), shown  # type: ignore[arg-type]


def test_an_attack_that_gets_its_answer_and_leaves_its_event_is_a_success() -> None:
    found, shown = faults("200", REQUEST)
    assert found == []
    assert "✓ a page" in shown[-1]


def test_an_event_that_does_not_come_is_a_fault() -> None:
    found, shown = faults("200")
    assert found == ["A page: no event http/request"]
    assert "✓" not in shown[-1]


def test_a_client_without_its_answer_is_a_fault_with_its_words() -> None:
    found, _ = faults("connection refused", REQUEST)
    assert len(found) == 1
    assert found[0].endswith("connection refused")


def test_a_client_that_does_not_end_is_a_fault() -> None:
    found, _ = faults(None, REQUEST)
    assert "did not end" in found[0]
