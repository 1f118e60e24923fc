"""How the answers of two houses are laid side by side; no network is needed for it."""

from __future__ import annotations

from tests.live.comparison import Answer, differences, paired, sort


def segment(flags: str, *, at: float = 0.0, seq: int = 1, data: str = "0: ", window: int = 1000) -> Answer:
    fields = {"flags": flags, "seq": f"iss+{seq}", "ack": "isn+1", "window": window, "options": "", "data": data}
    return Answer(at, {"kind": "tcp", **fields})


def message(kind: str) -> Answer:
    return Answer(0.0, {"kind": "icmp", "type": kind, "body": "00"})


def test_the_same_answers_have_no_differences() -> None:
    answers = [segment("SA", seq=0), segment("PA", data="5: hello", at=0.2), message("3/3")]
    assert differences(answers, answers) == []
    assert differences([], []) == []


def test_fields_of_a_pair_are_compared() -> None:
    assert differences([segment("A")], [segment("A", window=999)]) == ["1.window: 1000 / 999"]


def test_times_may_differ_by_a_little() -> None:
    assert differences([segment("A", at=1.0)], [segment("A", at=1.2)]) == []
    assert differences([segment("A", at=1.0)], [segment("A", at=1.5)]) == ["1.time: 1.00 / 1.50"]


def test_what_only_one_has_is_named_by_its_sort() -> None:
    ack, reset = segment("A"), segment("R", at=0.5)
    assert differences([ack], [ack, reset]) == ["2.extra reset: 0.50 R iss+1 isn+1 1000 0: "]
    assert differences([ack, reset], [ack]) == ["2.missing reset: 0.50 R iss+1 isn+1 1000 0: "]
    assert [line.partition(":")[0] for line in differences([ack], [reset])] == ["1.missing ack", "2.extra reset"]


def test_a_missing_answer_does_not_hide_what_differs_in_the_others() -> None:
    kernel = [segment("SA", seq=0), segment("A", window=7), segment("PA", seq=1, data="4: word", at=0.2)]
    ours = [segment("SA", seq=0), segment("PA", seq=1, data="4: Word", at=0.2)]
    assert differences(kernel, ours) == ["2.missing ack: 0.00 A iss+1 isn+1 7 0: ", "3.data: 4: word / 4: Word"]


def test_of_several_partners_the_most_alike_is_chosen() -> None:
    first, second, third = (segment("PA", seq=seq, data="10: x", at=0.0) for seq in (1, 11, 21))
    assert list(paired([first, second, third], [first, third])) == [(first, first), (second, None), (third, third)]
    assert list(paired([third], [first, second, third])) == [(None, first), (None, second), (third, third)]


def test_an_answer_at_its_time_is_a_better_partner() -> None:
    early, late = segment("PA", data="3: one", at=0.2), segment("PA", data="3: one", at=3.0)
    assert list(paired([late], [early, late])) == [(None, early), (late, late)]


def test_an_acknowledgement_that_the_next_segment_repeats_at_once_counts_for_nothing() -> None:
    word = segment("PA", data="5: hello", at=0.01)
    assert differences([segment("A"), word], [word]) == []
    assert differences([segment("A", window=1), word], [word]) == ["1.missing ack: 0.00 A iss+1 isn+1 1 0: "]


def test_sorts() -> None:
    flags = {"SA": "syn", "RA": "reset", "FPA": "end", "A": "ack"}
    assert {flag: sort(segment(flag)) for flag in flags} == flags
    assert sort(segment("PA", data="5: hello")) == sort(segment("A", data="5: hello")) == "data"
    assert sort(message("3/3")) == "icmp 3/3"
    assert sort(Answer(0.0, {"kind": "arp", "operation": 2})) == "arp 2"
    assert sort(Answer(0.0, {"kind": "fragment"})) == "fragment"
