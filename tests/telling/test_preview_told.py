"""A preview tells what really happened: the prompts as they were sent, in order, to the sequence that they are of."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.errors import CodeseqError, EndpointsDownError, InfrastructureError
from codeseq_ray.pipeline import preview
from codeseq_ray.pipeline.crew import Around, Crew
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Sequence
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.settings import Settings, load
from codeseq_ray.telling.lines import Line, Lines
from codeseq_ray.telling.requests import Shown
from codeseq_ray.telling.screen import Screen, plain
from tests.model_server.process import Served, served
from tests.telling.hostile import STORABLE, acting

WRONG, RIGHT = "print(int(input()) + 1)", "print(int(input()) * FACTOR)"


@dataclass
class Author:
    """A model for multiples: writes problems, works them out, errs once, corrects."""

    model: str = "author"
    suffix: str = ""
    """Behind whatever it says."""
    delay: Callable[[int], float] = lambda factor: 0.0
    trouble: Callable[[int], Exception | None] = lambda factor: None
    secrets: list[str] = field(default_factory=list)
    sent: list[tuple[int, ChatRequest]] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        asked = "\n".join(message["content"] for message in request.messages)
        factor = next(f for f in (11, 13, 17) if f"FACTOR {f}." in asked)
        self.sent.append((factor, request))
        await asyncio.sleep(self.delay(factor))
        if trouble := self.trouble(factor):
            raise trouble
        fields = (request.json_schema or {}).get("properties", {})
        thoughts = f"<think>I recall {factor}. {self.suffix}</think>"
        text = self._object(factor, fields) if fields else self._program(asked, factor)
        return ChatAnswer(
            thoughts + text, "stop", self.model, prompt_tokens=100, completion_tokens=10, seconds=2.0
        )

    def _object(self, factor: int, fields: dict[str, Any]) -> str:
        said: dict[str, Any] = {}
        if "description" in fields:
            scene = f"FACTOR {factor}. A box holds {factor} pens; you are asked how many are in n boxes, all told. "
            said = {"description": scene * 2 + self.suffix, "input_format": "n", "output_format": "pens"}
            said["examples"] = [
                {"input": str(n), "output": str(n * factor), "explanation": "count" + self.suffix}
                for n in (1, 2)
            ]
        elif "answers" in fields:
            said = {"answers": [{"input": str(n), "steps": "s", "output": str(n * factor)} for n in (1, 2)]}
        else:
            said = {"why_expected": "as told" + self.suffix, "what_is_wrong": "the sum" + self.suffix}
        return json.dumps(said)

    def _program(self, asked: str, factor: int) -> str:
        source = RIGHT.replace("FACTOR", str(factor)) if "It fails on this case" in asked else WRONG
        comment = "".join(self.suffix.split("\r")[:1])
        return f"Here it is. {self.suffix}\n```python\n{source}\n# {comment}\n```"

    async def close(self) -> None:
        return None


def sequence(number: int, factor: int, name: str = "") -> Sequence:
    return Sequence(
        id=f"A{number:06d}",
        name=name or f"FACTOR {factor}. Nothing else.",
        terms=tuple(factor * n for n in range(1, 40)),
        offset=1,
    )


THREE = [sequence(31, 11), sequence(22, 13), sequence(13, 17)]


def previewed(
    monkeypatch: pytest.MonkeyPatch,
    author: Author,
    sequences: list[Sequence],
    show: Callable[[Lines], None] | None = None,
) -> tuple[list[str], list[str]]:
    """What is told of each sequence, and at the end; and what is said in between, an error of the whole included."""
    settings = load(["--agents", "llm", "--no-agent-filter", "--preview", "3", "--log-seconds", "0.05"])

    def assembled(settings: Settings, fitter: Any, executor: SandboxExecutor, around: Around) -> Crew:
        client = around.wrap(author)
        pair = (LLMWorkingAgent(client, client.model), LLMGuidingAgent(client, client.model))
        return Crew((pair,), executor, (client,))

    monkeypatch.setattr(preview, "assembled", assembled)
    told: list[str] = []
    said: list[str] = []

    def keep(lines: Lines) -> None:
        told.append(plain(lines))

    try:
        asyncio.run(preview._work(settings, sequences, said.append, show or keep))
    except CodeseqError as error:
        said.append(f"raised {type(error).__name__}: {error}")
    return told, said


def test_every_prompt_and_answer_is_told_in_order_with_its_own_sequence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    author = Author(delay=lambda factor: {11: 0.3, 13: 0.1, 17: 0.0}[factor] / 3)
    (*told, closing), said = previewed(monkeypatch, author, THREE)
    assert [text.split("\n")[2].split()[0] for text in told] == ["A000031", "A000022", "A000013"], "in order"
    for text, factor in zip(told, (11, 13, 17), strict=True):
        heads = [line.split()[2].strip(":,") for line in text.split("\n") if line.startswith("Step ")]
        assert heads == ["problem", "validation", "program", "analysis", "correction"]
        others = {11, 13, 17} - {factor}
        assert f"I recall {factor}." in text
        assert not any(f"I recall {other}." in text or f"FACTOR {other}." in text for other in others)
        assert text.count("100 tokens read, 10 written, 2.0 s") == 5
        assert "5 calls: 500 tokens read, 50 written, 10.0 s of model servers" in text
        order = (
            "validated", "print(int(input()) + 1)", "wrong answer: ", f"on input 3: expected {3 * factor}, got 4",
            "the analyst and the corrector are told of this one case", f"print(int(input()) * {factor})",
            "passed: 10 of 10 cases", "further terms checked", "outcome  accepted after 1 correction",
        )  # fmt: skip
        places = [text.index(words) for words in order]
        assert places == sorted(places)
    assert "1,000 sequences like these 3 would come to about 550,000 tokens" in closing
    assert "2.8 hours" in closing  # 1,000 × 10 s
    assert any("A000031" in line and "waiting for" in line for line in said)


def test_each_line_of_each_message_that_was_sent_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    author = Author()
    told, _ = previewed(monkeypatch, author, THREE)
    whole = "\n".join(told)
    shown = {line.strip() for line in whole.split("\n")} | {line[9:].strip() for line in whole.split("\n")}
    assert len(author.sent) == 15
    for _, request in author.sent:
        for message in request.messages:
            for line in message["content"].split("\n"):
                assert line.strip() in shown, line


def test_what_was_shown_before_is_named_and_not_repeated() -> None:
    shown = Shown()
    problem = "A long text of a problem. " * 10
    first = plain(shown.message("user", f"{problem}\n\nSolve it.", "step 1 of A1"))
    second = plain(shown.message("user", f"{problem}\n\nExplain it.", "step 2 of A1"))
    third = plain(shown.message("user", f"{problem}\n\nExplain it.", "step 3 of A1"))
    assert problem.strip() in first
    assert "Solve it." in first
    assert "as in step 1 of A1" in second
    assert "Explain it." in second
    assert len(second) < 150
    assert third == "user     (273 characters, the same as in step 2 of A1)"


def test_a_sequence_is_shown_as_soon_as_it_and_those_before_it_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not at the very end: the last one is still at work when the first is told."""
    author = Author(delay=lambda factor: 0.4 if factor == 17 else 0.0)
    at: list[int] = []
    original = preview._told

    def told(*arguments: Any) -> Iterator[Any]:
        at.append(len(author.sent))
        return original(*arguments)

    monkeypatch.setattr(preview, "_told", told)
    previewed(monkeypatch, author, THREE)
    assert at[0] < 15
    assert at[-1] == 15


def test_hostile_answers_names_and_programs_reach_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    screen = Screen(stream)
    author = Author(suffix=STORABLE)
    hostile = [sequence(31, 11, f"FACTOR 11. {STORABLE}")]
    shown: list[Line] = []
    previewed(monkeypatch, author, hostile, shown.extend)
    screen.show(shown)
    printed = stream.getvalue()
    assert "Step 3" in printed
    assert not acting(printed, coloured=True)
    assert "markup" in printed
    assert not acting(plain(shown))


def test_a_sequence_whose_server_fails_says_so_and_the_others_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trouble(factor: int) -> Exception | None:
        return InfrastructureError("http://gpu-1 gave no answer after 6 tries") if factor == 13 else None

    (*told, _), said = previewed(monkeypatch, Author(trouble=trouble), THREE)
    assert ["outcome  accepted" in text for text in told] == [True, False, True]
    assert "outcome  failed at problem: infrastructure" in told[1]
    assert told[1].count("http://gpu-1 gave no answer after 6 tries") == 2, "at its step, and as the outcome"
    assert not any("raised" in line for line in said)


def test_servers_that_stay_down_are_told_of_each_sequence_and_end_the_job_with_their_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trouble(factor: int) -> Exception | None:
        return EndpointsDownError("no server of the generator has been up") if factor != 17 else None

    told, said = previewed(monkeypatch, Author(trouble=trouble), THREE)
    assert ["outcome  none: no server of the generator" in text for text in told[:3]] == [True, True, False]
    assert said[-1].startswith("raised EndpointsDownError")


def test_keys_are_not_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESEQ_GENERATOR_API_KEY", "sk-very-secret")
    monkeypatch.setenv("CODESEQ_VERIFIER_API_KEY", "sk-very-secret")
    told, said = previewed(monkeypatch, Author(), THREE[:1])
    assert "sk-very-secret" not in "\n".join((*told, *said))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server") / "log.jsonl", "--skill-programs", "0.3") as running:
        yield running


def test_a_real_preview_over_http_tells_as_many_requests_as_the_server_saw(
    server: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs import synthesize

    monkeypatch.chdir(tmp_path)
    server.reset()
    assert synthesize.main([*server.flags, "--preview", "3", "--candidates", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nasked ") == out.count("\nanswer ") == len(server.logged()) > 10
    assert out.count("── Sequence ") == out.count("\noutcome ") == 3
    assert not acting(out)
    assert list(tmp_path.iterdir()) == []


def test_the_built_in_agents_say_what_they_did_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs import synthesize

    monkeypatch.chdir(tmp_path)
    assert synthesize.main(["--preview", "4"]) == 0
    parts = capsys.readouterr().out.split("── Sequence ")[1:]
    out = next(part for part in parts if "outcome  accepted" in part)
    order = (
        *("window ", "rule ", "text ", "read the rule back", "validated", "wrote a program"),
        *("sandbox ", "outcome "),
    )
    places = [out.index(f"\n{words}" if words.endswith(" ") else words) for words in order]
    assert places == sorted(places)
    assert "would come to no tokens" in parts[-1]
