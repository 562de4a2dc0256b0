"""Prompts are Jinja files with the blocks `system` and `user`; a folder of one's own may replace any of them.

Between the two a file may show how such a question is answered, in blocks `question_1`, `answer_1`, `question_2` …:
turns of a conversation that the model takes as its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from codeseq_ray.errors import UsageError

NAMES = (
    "filter",
    "filter_reflection",
    "write_problem",
    "validate",
    "write_program",
    "analyse",
    "correct",
    "paraphrase",
    "repair",
)
BUILT_IN = Path(__file__).parent / "prompts"
SUFFIX = ".j2"
_SHOWN = re.compile(r"(?:question|answer)_(\d+)")


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt; `id` stands for the template's text, whatever was filled in."""

    id: str
    system: str
    user: str
    shown: tuple[tuple[str, str], ...] = ()
    """Questions with the answers that are to be taken as examples."""

    @property
    def messages(self) -> tuple[dict[str, str], ...]:
        turns = [("system", self.system)]
        for question, answer in self.shown:
            turns += [("user", question), ("assistant", answer)]
        turns.append(("user", self.user))
        return tuple({"role": role, "content": text} for role, text in turns if text)


class Prompts:
    """The prompt files, each taken from `folder` if it is there and from the package if not.

    Raises UsageError when the folder is not there, holds a file that stands for no prompt, or one that Jinja
    cannot read: all before any work starts.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        folders = [BUILT_IN] if folder is None else [Path(folder), BUILT_IN]
        if folder is not None:
            _check_folder(Path(folder))
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,  # else what follows an included file joins its last line
            autoescape=False,
        )
        self._environment.filters.update(within=within, short=short)
        self._templates = {name: self._load(name) for name in NAMES}
        self._ids = {name: self._id(name) for name in NAMES}

    @property
    def id(self) -> str:
        """Stands for all prompt texts together."""
        return _short_hash("".join(self._ids[name] for name in NAMES))

    def render(self, name: str, **values: Any) -> Prompt:
        """Fill a prompt in. A name that the template uses and nobody gives is a UsageError."""
        template = self._templates[name]
        try:
            context = template.new_context(values)
            part = {name: "".join(block(context)).strip() for name, block in template.blocks.items()}
        except jinja2.TemplateError as error:
            raise UsageError(f"prompt {template.filename}: {error}") from None
        shown = tuple((part[f"question_{i}"], part[f"answer_{i}"]) for i in _shown(template))
        return Prompt(id=self._ids[name], system=part["system"], user=part["user"], shown=shown)

    def _load(self, name: str) -> jinja2.Template:
        try:
            template = self._environment.get_template(name + SUFFIX)
        except (jinja2.TemplateError, OSError, UnicodeDecodeError) as error:
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise UsageError(f"prompt {name}{SUFFIX}{line}: cannot be read: {error}") from None
        turns = {f"{kind}_{i}" for i in _shown(template) for kind in ("question", "answer")}
        missing = {"system", "user", *turns} - template.blocks.keys()
        if missing:
            raise UsageError(
                f"prompt {template.filename}: lacks {' and '.join(f'{{% block {b} %}}' for b in sorted(missing))}"
            )
        return template

    def _id(self, name: str) -> str:
        """Of the file's text and of every file that it includes."""
        texts: dict[str, str] = {}
        pending = [name + SUFFIX]
        while pending:
            file = pending.pop()
            if file in texts:
                continue
            try:
                assert self._environment.loader is not None
                texts[file] = self._environment.loader.get_source(self._environment, file)[0]
                tree = self._environment.parse(texts[file])
            except jinja2.TemplateError as error:
                raise UsageError(f"prompt {file}, used by {name}{SUFFIX}: cannot be read: {error}") from None
            pending.extend(f for f in jinja2.meta.find_referenced_templates(tree) if f is not None)
        return _short_hash("\0".join(f"{file}\0{text}" for file, text in sorted(texts.items())))


def _shown(template: jinja2.Template) -> list[int]:
    """Numbers of the questions and answers that the file shows, in order."""
    numbers = (_SHOWN.fullmatch(block) for block in template.blocks)
    return sorted({int(number[1]) for number in numbers if number})


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"prompts: {folder} is not a folder; give one with files like {NAMES[0]}{SUFFIX}")
    strange = sorted(
        file.name
        for file in folder.glob(f"*{SUFFIX}")
        if file.stem not in NAMES and not file.stem.startswith("_")
    )
    if strange:
        raise UsageError(
            f"prompts: {folder} holds {', '.join(strange)}, which stands for no prompt. The prompts are "
            f"{', '.join(NAMES)}; begin the name of a file that they include with an underscore."
        )
    if not any(folder.glob(f"*{SUFFIX}")):
        raise UsageError(
            f"prompts: {folder} holds no prompt, so that none would be replaced. The prompts are "
            f"{', '.join(name + SUFFIX for name in NAMES)}."
        )


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def within(lines: Iterable[str], characters: int) -> list[str]:
    """The first lines that together stay within so many characters: an entry may be longer than a context."""
    kept: list[str] = []
    for line in lines:
        characters -= len(line)
        if characters < 0:
            break
        kept.append(line)
    return kept


def short(text: str, characters: int = 400) -> str:
    """The text, its middle left out if it is longer: a term may have thousands of digits."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}… ({len(text)} characters in all) …{text[-half:]}"
