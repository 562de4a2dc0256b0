"""Each filter with a row that it is there for, and one beside it that it lets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.mixing.chats import Chat, Reason, Refused, chat, decoded
from codeseq_ray.mixing.language import english, latin
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL
from codeseq_ray.mixing.screening import Screen, Told, Unread
from codeseq_ray.mixing.settings import CODE_AND_MATHS
from codeseq_ray.overlap import words
from tests.mixing import mix_inputs
from tests.mixing.mix_inputs import CHAT, said, settings

LONG = "The people of the town say that it is better to wait for the rain and to rest in the shade of the trees. "


def screened(*rows: Any, side: str = GENERAL, **given: Any) -> tuple[list[dict[str, Any]], Told]:
    """The rows that are handed on, and the account."""
    screen = Screen(side, settings(**given))
    found = [row for table in screen.tables(("here", row) for row in rows) for row in table.to_pylist()]
    return found[:-1], Told.from_json(found[-1]["told"])


def reason_of(row: Any, **given: Any) -> str | None:
    rows, told = screened(row, **given)
    assert told.rows == 1
    assert len(rows) == told.kept
    return next(iter(told.reasons()), None)


def row(*turns: str, **given: Any) -> dict[str, Any]:
    return {"id": "1", "messages": said(*turns), "source": CHAT, **given}


GOOD = row("s:Be kind.", f"u:{LONG}", f"a:{LONG}", "u:And then?", "a:Then it rains.")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": "1", "source": CHAT}, Reason.NO_MESSAGES),
        ({"id": "1", "messages": [], "source": CHAT}, Reason.NO_MESSAGES),
        ({"id": "1", "messages": "Hello", "source": CHAT}, Reason.NO_MESSAGES),
        ({"id": "1", "messages": ["Hello"], "source": CHAT}, Reason.NO_MESSAGES),
        ({"id": "1", "messages": [{"role": "user"}], "source": CHAT}, Reason.NO_MESSAGES),
        ({"id": "1", "messages": [{"role": "user", "content": None}], "source": CHAT}, Reason.NO_MESSAGES),
        (row(f"a:{LONG}", f"u:{LONG}"), Reason.ROLE_ORDER),
        (row(f"u:{LONG}", f"u:{LONG}", f"a:{LONG}"), Reason.ROLE_ORDER),
        (row(f"u:{LONG}", "s:Be kind.", f"a:{LONG}"), Reason.ROLE_ORDER),
        (row(f"u:{LONG}", "t:42", f"a:{LONG}"), Reason.ROLE_ORDER),
        (row(f"u:{LONG}", "a: \n\t"), Reason.EMPTY_CONTENT),
        (row("u:", f"a:{LONG}"), Reason.EMPTY_CONTENT),
        (row(f"u:{LONG}", f"a:{LONG}", f"u:{LONG}"), Reason.NO_ANSWER),
        (row(f"s:{LONG}"), Reason.NO_ANSWER),
        (row(f"u:{LONG}\ud800", f"a:{LONG}"), Reason.NOT_TEXT),
        (row("u:Hello there!", "a:Good day."), Reason.TOO_SHORT),
        (row(f"u:{LONG}", f"a:{LONG * 400}"), Reason.TOO_LONG),
    ],
)
def test_malformed_and_short_and_long_rows_are_told_apart(wrong: dict[str, Any], reason: Reason) -> None:
    assert reason_of(wrong) == reason
    assert reason_of(GOOD) is None


@pytest.mark.parametrize(
    "line",
    [b"{", b"[1, 2]", b"\xff\xfe{}", b'"text"', b"{" * 100_000, b"[" * 100_000, None],
)
def test_lines_without_an_object_are_refused_and_counted(line: bytes | None) -> None:
    found = decoded(line)
    assert isinstance(found, Refused)
    assert reason_of(Unread(found, "as it stood")) == Reason.NOT_JSON


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_nothing_that_a_line_may_hold_raises(values: dict[str, Any]) -> None:
    for messages in (values, [values], values.get("x"), [{"role": "user", **values}]):
        found = chat({**values, "messages": messages})
        assert isinstance(found, Chat | Refused)
        reason_of({**values, "messages": messages}, keep_dropped=False)


TULU = [
    ("ai2-adapt-dev/coconot_converted", False),
    ("ai2-adapt-dev/evol_codealpaca_heval_decontaminated", True),
    ("ai2-adapt-dev/flan_v2_converted", False),
    ("ai2-adapt-dev/no_robots_converted", False),
    ("ai2-adapt-dev/numinamath_tir_math_decontaminated", True),
    ("ai2-adapt-dev/oasst1_converted", False),
    ("ai2-adapt-dev/personahub_code_v2_34999", True),
    ("ai2-adapt-dev/personahub_ifdata_manual_seed_v3_29980", False),
    ("ai2-adapt-dev/personahub_math_v5_regen_149960", True),
    ("ai2-adapt-dev/tulu_hard_coded_repeated_10", False),
    ("ai2-adapt-dev/tulu_v3.9_aya_100k", False),
    ("ai2-adapt-dev/tulu_v3.9_open_math_2_gsm8k_50k", True),
    ("ai2-adapt-dev/tulu_v3.9_personahub_math_interm_algebra_20k", True),
    ("ai2-adapt-dev/tulu_v3.9_sciriff_10k", False),
    ("ai2-adapt-dev/tulu_v3.9_synthetic_finalresp_wildguardmixtrain_decontaminated_50k", False),
    ("ai2-adapt-dev/tulu_v3.9_table_gpt_5k", False),
    ("ai2-adapt-dev/tulu_v3.9_wildchat_100k", False),
    ("ai2-adapt-dev/tulu_v3.9_wildjailbreak_decontaminated_50k", False),
    ("allenai/tulu-3-sft-personas-math-grade", True),
    ("allenai/tulu-3-sft-personas-code", True),
]


@pytest.mark.parametrize(("source", "dropped"), TULU)
def test_of_tulu_3_the_code_and_maths_subsets_are_left_out(source: str, dropped: bool) -> None:
    assert reason_of({**GOOD, "source": source}) == (Reason.SOURCE if dropped else None)
    assert reason_of({**GOOD, "source": source.upper()}) == (Reason.SOURCE if dropped else None)
    assert reason_of({**GOOD, "source": source}, drop_sources=()) is None


def test_every_pattern_is_there_for_a_source() -> None:
    from fnmatch import fnmatchcase

    for pattern in set(CODE_AND_MATHS) - {"*algebra*"}:
        assert any(fnmatchcase(source, pattern) for source, dropped in TULU if dropped)


@pytest.mark.parametrize(
    "content", ["```python\nx = 1\n```", "Thus\n~~~\nx\n~~~", "so $$x^2$$", r"\[x\]", r"it is \boxed{4}"]
)
def test_code_and_displayed_maths_are_left_out_when_asked(content: str) -> None:
    held = row(f"u:{LONG}", f"a:{LONG}\n\n{content}")
    assert reason_of(held, drop_code=True) == Reason.CODE
    assert reason_of(held) is None
    assert reason_of(row(f"u:{LONG} costs $5 or `six`", f"a:{LONG}"), drop_code=True) is None


LANGUAGES = {
    "German": "Die Leute im Dorf warten lieber im Schatten der Bäume, bis der Regen kommt, und erzählen "
    "einander, was "
    "am Markt geschehen ist und wer im Winter das Holz gebracht hat.",
    "French": "Les gens du village préfèrent attendre à l'ombre des arbres que la pluie vienne, et ils se "
    "racontent ce "
    "qui est arrivé au marché et qui a porté le bois pendant l'hiver.",
    "Spanish": "La gente del pueblo prefiere esperar la lluvia a la sombra de los árboles y contarse lo que "
    "ha pasado "
    "en el mercado y quién trajo la leña durante el invierno pasado.",
    "Dutch": "De mensen in het dorp wachten liever in de schaduw van de bomen op de regen en vertellen "
    "elkaar wat er op "
    "de markt is gebeurd en wie in de winter het hout heeft gebracht.",
    "Danish": "Folk i landsbyen venter hellere på regnen i skyggen af træerne og fortæller hinanden, hvad "
    "der er sket "
    "på torvet, og hvem der har bragt brændet for dem om vinteren.",
    "Indonesian": "Orang di desa itu lebih suka menunggu hujan di bawah pohon dan saling bercerita tentang apa yang "
    "terjadi di pasar dan siapa yang membawa kayu pada musim dingin.",
    "Russian": "Люди в деревне охотнее ждут дождя в тени деревьев и рассказывают друг другу, что было на рынке.",
    "Chinese": "村里的人更喜欢在树荫下等雨，互相讲市场上发生的事，还有冬天是谁送来了木柴。",
    "Arabic": "يفضل أهل القرية انتظار المطر في ظل الأشجار ويحكون لبعضهم ما حدث في السوق.",
}
ENGLISH = {
    "prose": "People in the village would rather wait for the rain in the shade of the trees, and they tell "
    "each other "
    "what happened at the market and who brought wood in the winter.",
    "instruction": "Write a short poem about a lighthouse. It should have four lines and mention the sea, "
    "and the last "
    "line should rhyme with the first. Do not use the word light.",
    "with code": "You can sort the list with `sorted(items, key=len)`; it returns a new list, and items "
    "with the same "
    "length stay in the order in which they were: stable.",
    "short": "Good morning! Nice day.",
    "symbols": "😀 42 + 17 = 59",
    "names": "Gdańsk, Łódź, Kraków, Poznań",
}


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_other_languages_are_not_english(text: str) -> None:
    assert not english(text, words(text))
    held = row(f"u:{text}", f"a:{text}")
    assert reason_of(held) == Reason.LANGUAGE
    assert reason_of(held, language="any") is None
    assert (reason_of(held, language="latin") is None) == latin(text)


@pytest.mark.parametrize("text", ENGLISH.values(), ids=ENGLISH)
def test_english_is(text: str) -> None:
    assert english(text, words(text))


def test_tokens_are_counted_with_the_tokenizer_that_is_given(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.save(str(tmp_path / "tokenizer.json"))
    ten, eleven = row("u:a b c d e", "a:f g h i j"), row("u:a b c d e", "a:f g h i j k")
    asked = {"max_tokens": 10, "tokenizer": str(tmp_path), "min_chars": 1}
    assert reason_of(ten, **asked) is None
    assert reason_of(eleven, **asked) == Reason.TOO_MANY_TOKENS


def test_what_was_left_out_is_kept_as_it_was_when_asked() -> None:
    wrong = row("u:", f"a:{LONG}")
    rows, told = screened(wrong, Unread(Refused(Reason.NOT_JSON, "why"), "{broken"), GOOD, keep_dropped=True)
    kept = {row["reason"]: row for row in rows}
    assert json.loads(kept[Reason.EMPTY_CONTENT]["row"]) == wrong
    assert kept[Reason.NOT_JSON]["row"] == "{broken"
    assert kept[None]["row"] is None
    assert told.kept == 1


def test_rows_of_ours_are_not_filtered() -> None:
    ours = mix_inputs.sft(1)
    rows, told = screened({"id": ours["problem_id"], **ours}, side=CODESEQ)
    assert told.kept == 1
    assert rows[0]["source"] == "codeseq"
    assert rows[0]["license"] == "CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("given", "stated", "expected"),
    [
        ({"source": CHAT}, "MIT", "ODC-BY-1.0"),
        ({"source": "ai2-adapt-dev/no_robots_converted"}, "MIT", "CC-BY-NC-4.0"),
        ({"source": "mine"}, "MIT", "MIT"),
        ({"source": "mine"}, None, "unknown"),
        ({"source": CHAT, "license": "CC0-1.0"}, "MIT", "CC0-1.0"),
    ],
)
def test_licence_by_row_then_tulu_then_word(given: dict[str, Any], stated: str | None, expected: str) -> None:
    rows, _ = screened({**GOOD, **given}, general_license=stated)
    assert rows[0]["license"] == expected
