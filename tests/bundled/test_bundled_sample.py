"""The bundled sample: readable, true, of many kinds, and with names of our own."""

from __future__ import annotations

import gzip
from functools import cache
from itertools import count, islice
from pathlib import Path

import pytest
from definitions import FORMULAS, MEMBERS

from codeseq_ray.bundled import make_sample, sample_path
from codeseq_ray.oeis.source import open_source
from codeseq_ray.records import Sequence
from codeseq_ray.selection.plan import make_plan, screen_record
from codeseq_ray.selection.rules import EXPLANATIONS, Drop, SelectionSettings


@cache
def _sample() -> dict[str, Sequence]:
    read = [entry for shard in open_source(str(sample_path())).shards() for entry in shard.read()]
    assert all(isinstance(entry, Sequence) for entry in read), "the sample must give no diagnostics"
    return {entry.id: entry for entry in read if isinstance(entry, Sequence)}


def _lines(path: Path) -> dict[str, str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(" ", 1) for line in lines if line.startswith("A"))


def test_it_holds_at_least_two_hundred_sequences_with_terms() -> None:
    assert sum(bool(s.terms) for s in _sample().values()) >= 200


@pytest.mark.parametrize("anum", sorted(FORMULAS))
def test_a_name_that_is_a_formula_is_true_of_every_listed_term(anum: str) -> None:
    sequence = _sample()[anum]
    told = [FORMULAS[anum](sequence.first_index + i) for i in range(len(sequence.terms))]
    assert told == list(sequence.terms), sequence.name


@pytest.mark.parametrize("anum", sorted(MEMBERS))
def test_a_name_that_is_a_property_selects_exactly_the_listed_terms(anum: str) -> None:
    least, belongs = MEMBERS[anum]
    terms = list(_sample()[anum].terms)
    assert list(islice((k for k in count(least) if belongs(k)), len(terms))) == terms


def test_kinds_are_spread() -> None:
    sequences = [s for s in _sample().values() if s.terms]
    assert any(t < 0 for s in sequences for t in s.terms)
    assert any(abs(t) >= 10**18 for s in sequences for t in s.terms)
    assert {s.offset for s in sequences} - {0, 1, None}
    assert any(s.keywords is None for s in sequences)
    assert any(s.keywords for s in sequences)
    words = " ".join(s.name.lower() for s in sequences)
    for kind in ("last term", "sum", "digit", "prime", "ways", "graphs", "remainder", "root", "power"):
        assert kind in words


@pytest.mark.parametrize("reason", [r for r in Drop if r is not Drop.KEYWORD])
def test_each_rule_rejects_some_entry(reason: Drop) -> None:
    settings = SelectionSettings()
    plan = list(make_plan((screen_record(s, settings) for s in _sample().values()), settings))
    assert any(row.reason == reason for row in plan)
    assert EXPLANATIONS[reason]


def test_most_entries_are_kept_and_in_every_split() -> None:
    settings = SelectionSettings()
    plan = list(make_plan((screen_record(s, settings) for s in _sample().values()), settings))
    kept = [row for row in plan if row.selected]
    assert 200 <= len(kept) < len(plan)
    assert {row.split for row in kept} == {"sft", "rl", "eval"}


def test_terms_are_those_of_the_oeis(test_data: Path) -> None:
    real = _lines(test_data / "stripped.gz")
    ours = _lines(sample_path() / "stripped.gz")
    assert ours == {anum: real[anum] for anum in ours}


def test_names_are_not_those_of_the_oeis(test_data: Path) -> None:
    real = _lines(test_data / "names.gz")
    for anum, sequence in _sample().items():
        if sequence.name.startswith(("Erroneous version of", "Duplicate of")):
            continue  # a fixed form, which the rule looks for
        assert sequence.name.rstrip(".").lower() != real.get(anum, "").rstrip(".").lower(), anum


def test_the_files_are_made_from_the_table(
    test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sample_names.tsv").write_bytes((sample_path() / "sample_names.tsv").read_bytes())
    monkeypatch.setattr(make_sample, "HERE", tmp_path)
    make_sample.main(test_data)
    for name in ("stripped.gz", "names.gz", "meta.tsv.gz"):
        # Contents, not bytes: another zlib may pack them otherwise.
        made, kept = (gzip.decompress((folder / name).read_bytes()) for folder in (tmp_path, sample_path()))
        assert made == kept, f"{name} is not what make_sample makes; run it again"
