"""Openings to the world, as small protocols. The steps call these; `llm`, `sandbox` and `store` fill them.

Tests and other surroundings may fill them too: nothing above this page knows where the work is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from codeseq_ray.records import VerdictKind

# ---------------------------------------------------------------------------------------------- programs


@dataclass(frozen=True)
class Limits:
    """Bounds of one run of one program on one input."""

    cpu_seconds: float = 4.0
    """CPU time of the child, by its own clock."""
    memory_mb: int = 512
    """Memory that the program itself may take; what the interpreter holds before it starts is not counted."""
    output_bytes: int = 1 << 20
    program_cpu_seconds: float | None = None
    """CPU time of all inputs that share a process together; None: only each input's own bound counts."""
    program_output_bytes: int = 64 << 20
    """Of all inputs of an execution together: what one caller holds in memory."""
    recursion: int = 1000
    """Python's recursion limit when the program starts. It may raise it; then the stack's 64 MiB are the bound."""

    @property
    def wall_seconds(self) -> float:
        """Backstop only: reaching it says that the machine is busy or the program sleeps, not that it is slow."""
        return max(10.0, 30 * self.cpu_seconds)


@dataclass(frozen=True)
class Execution:
    """Run `source` once per input. Expected outputs are not part of it: they never enter the sandbox."""

    source: str
    inputs: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    one_process_per_input: bool = False
    hash_seed: int = 0
    trusted: bool = False
    """Made by the built-in agents: may run under rlimits alone where the kernel lacks the walls."""
    entry: str | None = None
    """None: the program reads stdin and prints. A name: the program defines a function of that name; an input is its
    arguments, JSON values with white space between them, and what it returns is printed in the program's stead."""


@dataclass(frozen=True)
class Run:
    """What one input gave. `kind` is PASSED when the program ended by itself with exit status 0."""

    kind: VerdictKind
    stdout: str = ""
    stderr_tail: str = ""
    cpu_ms: float = 0.0


@dataclass(frozen=True)
class ExecutionReport:
    """Runs in the order of the inputs; shorter than the inputs if one ended the process all of them share."""

    runs: tuple[Run, ...]
    walls: tuple[str, ...]


class Executor(Protocol):
    """Runs programs behind walls.

    Raises InfrastructureError when no judgement was possible, SandboxUnavailableError when the walls do not
    stand on this machine. Everything that a program does is a report.
    """

    async def execute(self, execution: Execution) -> ExecutionReport: ...


# ------------------------------------------------------------------------------------------------ models


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model endpoint (OpenAI chat protocol). Knows nothing of sequences."""

    messages: tuple[Mapping[str, str], ...]
    max_tokens: int
    temperature: float
    json_schema: Mapping[str, Any] | None = None
    sample: int = 0
    """Which of several samples of one prompt, asked for side by side, this is."""
    attempt: int = 0
    """Which try at the same question this is (a second validation): an equal request that wants an answer anew."""


@dataclass(frozen=True)
class ChatAnswer:
    """What came back. `finish_reason` is the server's; `reasoning` holds thoughts kept apart from the text."""

    text: str
    finish_reason: str
    model: str
    reasoning: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those that the engine still knew from an earlier request (its prefix cache)."""
    reasoning_tokens: int = 0
    """Of the completion's tokens, those of thoughts, where the server counts them."""
    attempts: int = 1
    """Requests sent for it; 0 when it was replayed."""
    seconds: float = 0.0
    replayed: bool = False
    """Read from the response cache: paid for earlier, not now."""


class ChatClient(Protocol):
    """One model, wherever it is served.

    Raises InfrastructureError after all retries, EndpointRefusedError when retrying cannot help, RunStoppedError
    when no further request may be sent for now (a cap is reached, no server has been up for too long).
    """

    model: str
    """The model's name, with its revision where that is known: what rows say."""

    async def chat(self, request: ChatRequest) -> ChatAnswer: ...

    async def close(self) -> None: ...


class AnswerCache(Protocol):
    """Answers that were paid for, by the digest of what was asked (`llm.replay.digest`)."""

    async def get(self, key: bytes) -> ChatAnswer | None:
        """Raises StoreError when the store fails."""
        ...

    def put(self, key: bytes, answer: ChatAnswer) -> None:
        """Remember; what is remembered is stored soon, not at once."""


# ----------------------------------------------------------------------------------------------- objects


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing says of one object."""

    key: str
    bytes: int
    modified: datetime
    """When it was last written, in UTC, by the store's own clock."""


class ObjectStore(Protocol):
    """Whole objects under slash-separated keys below one root (a folder, or `s3://bucket/prefix`).

    All methods raise StoreError once retries are used up; its `transient` says whether waiting may help.
    """

    uri: str

    def put(self, key: str, body: bytes) -> None:
        """Write or replace; readers see the old object or the new one, never a part."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Write only if nothing is there. False: something already was, and it is untouched."""
        ...

    def get(self, key: str) -> bytes:
        """Raises KeyError when there is no such object."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that start with `prefix`, in ascending order."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Like `list`, with sizes and times."""
        ...

    def delete(self, key: str) -> None:
        """Remove; no error when there is no such object."""
