"""Tokens of a row, as the model that is to be trained will read it.

With a chat template (a model's folder has one) the turns are rendered as the trainer renders them, so that the
markers of roles and turns count, too; a bare tokenizer.json counts the texts alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from codeseq_ray.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")
_INSTALL = "pip install 'codeseq-ray[export]'"

Turns = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Tokens:
    prompt: int
    """With the beginning of the answer's turn."""
    completion: int
    """Of the last turn, where the row has an answer; else 0."""

    @property
    def total(self) -> int:
        return self.prompt + self.completion


class TokenCounter:
    """Counts with one tokenizer; `template` renders turns, None: their texts alone are counted."""

    def __init__(self, tokenizer: Tokenizer, template: Template | None, special: Mapping[str, str]) -> None:
        self._tokenizer, self._template, self._special = tokenizer, template, dict(special)
        # A file may say that texts are to be cut or filled up: then every count would be the same.
        tokenizer.no_truncation()
        tokenizer.no_padding()

    @property
    def renders(self) -> bool:
        """Whether a chat template is counted."""
        return self._template is not None

    def count(self, rows: Sequence[tuple[Turns, Turns]]) -> list[Tokens]:
        """Of prompts and answers (one turn or none), several at once: the tokenizer works on them in parallel."""
        texts = [text for prompt, answer in rows for text in self._texts(prompt, answer)]
        lengths = [len(one.ids) for one in self._tokenizer.encode_batch(texts, add_special_tokens=False)]
        pairs = zip(lengths[::2], lengths[1::2], strict=True)
        return [Tokens(prompt, max(0, whole - prompt)) for prompt, whole in pairs]

    def _texts(self, prompt: Turns, answer: Turns) -> tuple[str, str]:
        if self._template is None:
            before, after = ("".join(turn["content"] for turn in turns) for turns in (prompt, answer))
            return before, before + after
        asked = self._rendered(prompt, begin_answer=True)
        return asked, self._rendered([*prompt, *answer], begin_answer=False) if answer else asked

    def _rendered(self, turns: Turns, *, begin_answer: bool) -> str:
        assert self._template is not None
        try:
            return self._template.render(
                messages=[dict(turn) for turn in turns], add_generation_prompt=begin_answer, **self._special
            )
        except TemplateError as error:
            raise UsageError(f"--tokenizer: its chat template refuses our turns: {error}") from None


def open_counter(name: str) -> TokenCounter:
    """The counter for a tokenizer.json, a model's folder, or a model's name on the Hub.

    Raises UsageError when there is none, or when the package `tokenizers` is lacking.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UsageError(
            f"--tokenizer {name}: needs the package `tokenizers`, which is not installed: {_INSTALL}"
        ) from None
    path = Path(name).expanduser()
    folder = path if path.is_dir() else None
    if folder is None and not path.is_file():
        folder = _from_hub(name)
    file = path if folder is None else folder / _FILES[0]
    if not file.is_file():
        raise UsageError(f"--tokenizer {name}: {folder} holds no tokenizer.json (a fast tokenizer saves one)")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no narrower one
        raise UsageError(f"--tokenizer {name}: {file} is no tokenizer: {error}") from None
    template, special = (None, {}) if folder is None else _chat_template(folder)
    return TokenCounter(tokenizer, template, special)


def _from_hub(name: str) -> Path:
    if name.count("/") > 1 or name.endswith(".json") or name.startswith((".", "/", "~")):
        raise UsageError(f"--tokenizer {name}: there is no such file or folder")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UsageError(
            f"--tokenizer {name}: is no file here, and the Hub needs the package `huggingface_hub`: {_INSTALL}"
        ) from None
    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except Exception as error:  # offline, unknown, gated: each has its own class, and all end here
        raise UsageError(
            f"--tokenizer {name}: is no file or folder here, and the Hub does not give it: {error}"
        ) from None


def _chat_template(folder: Path) -> tuple[Template | None, dict[str, str]]:
    """The template of a model's folder and the special tokens that it may name."""
    config: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            try:
                config.update(json.loads((folder / name).read_text(encoding="utf-8")))
            except ValueError as error:
                raise UsageError(f"--tokenizer {folder}: {name} is not JSON: {error}") from None
    source = config.get("chat_template")
    if isinstance(source, list):  # several by name
        source = next((one["template"] for one in source if one.get("name") == "default"), None)
    if (folder / "chat_template.jinja").is_file():
        source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    special = {}
    for name in _SPECIAL:
        value = config.get(name)
        if text := value.get("content") if isinstance(value, dict) else value:
            special[name] = str(text)
    if not source:
        return None, special
    try:
        return _environment().from_string(source), special
    except TemplateError as error:
        raise UsageError(f"--tokenizer {folder}: its chat template cannot be read: {error}") from None


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}`: tells trainers which part is the model's, and renders as it stands."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    """What chat templates are written for: the names that `transformers` gives them."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment
