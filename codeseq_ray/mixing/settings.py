"""Settings of a mix."""

from __future__ import annotations

from fnmatch import translate
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue
from pydantic_settings import NoDecode

from codeseq_ray.mixing.ratio import Ratio
from codeseq_ray.overlap import FEWEST_TERMS, FEWEST_WORDS, NGRAM, TERMS

CODE_AND_MATHS = (
    "*codealpaca*",
    "*personas-code*",
    "*personahub_code*",
    "*math*",
    "*gsm8k*",
    "*algebra*",
)
"""Sources of code and maths in Tulu 3. Not simply "*code*": `tulu_hard_coded_repeated_10` is neither."""

_ROW: dict[str, JsonValue] = {"row": True}


def _ratio(text: str) -> str:
    return str(Ratio.parse(text))


def _split(value: Any) -> Any:
    parts = [value] if isinstance(value, str) else value
    if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
        return tuple(word.strip() for part in parts for word in part.split(",") if word.strip())
    return value


def _pattern(text: str) -> str:
    translate(text)
    return text.lower()


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_split),
    # One text in the environment, as on the command line; otherwise it would have to be JSON there.
    NoDecode,
]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_split), NoDecode]


class MixingSettings(BaseModel):
    """What is mixed, at which ratio, what is left out, and where it goes."""

    codeseq: str = Field(
        min_length=1,
        description="Our release with the config sft: a folder or s3://bucket/prefix; or a run's, for its latest.",
    )
    general: str = Field(
        min_length=1,
        description="General chat rows (id, messages, source): a .parquet, .jsonl or .jsonl.gz file, or a folder of "
        "such files; local or s3://bucket/key.",
    )
    output: str = Field(min_length=1, description="Folder or s3://bucket/prefix for the mixed dataset.")
    overwrite: bool = Field(False, description="Replace the mix that lies there.")
    ratio: Annotated[str, AfterValidator(_ratio)] = Field(
        "5:1",
        description="general:codeseq, as 5:1, 1:1, 1:5 or any two positive integers. The paper says 5:1 and not "
        "which way round; the default takes it as five general rows to one of ours.",
        json_schema_extra=_ROW,
    )
    total: int | None = Field(
        None,
        ge=2,
        description="At most so many rows: the largest number below that is exactly in the ratio. Default: all of "
        "the side that ends first.",
        json_schema_extra=_ROW,
    )
    seed: int = Field(
        0, description="Seed of the order, and of which rows are taken.", json_schema_extra=_ROW
    )
    drop_sources: Patterns = Field(
        CODE_AND_MATHS,
        description="Leave out general rows whose source fits one of these patterns (* and ?, any case; commas "
        'between them). Default: the code and maths subsets of Tulu 3; "" keeps all.',
        json_schema_extra=_ROW,
    )
    drop_code: bool = Field(
        False,
        description="Leave out general rows that hold a fenced code block or displayed maths, too.",
        json_schema_extra=_ROW,
    )
    language: Literal["english", "latin", "any"] = Field(
        "english",
        description="Keep general rows in English, in Latin letters, or in any language.",
        json_schema_extra=_ROW,
    )
    min_chars: int = Field(
        32,
        ge=1,
        description="Fewest characters of a general row, all turns together.",
        json_schema_extra=_ROW,
    )
    max_chars: int = Field(
        32_000,
        ge=1,
        description="Most characters of a general row, all turns together.",
        json_schema_extra=_ROW,
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens of a general row, the chat template not counted. Needs --tokenizer.",
        json_schema_extra=_ROW,
    )
    tokenizer: str | None = Field(
        None,
        min_length=1,
        description="A tokenizer.json, or a folder that holds one, on every node. Needs the package tokenizers.",
    )
    dedup: bool = Field(
        True,
        description="Keep one of several rows whose texts differ in case and white space alone, over both sides.",
        json_schema_extra=_ROW,
    )
    against: Names = Field(
        (),
        description="Evaluation sets that no row may overlap with: .parquet or .jsonl(.gz) files or folders, commas "
        "between them.",
    )
    against_columns: Names = Field(
        (),
        description="Their columns with texts. Default: messages, prompt, question, problem, text and the like.",
        json_schema_extra=_ROW,
    )
    against_own: bool = Field(
        True,
        description="Check general rows against the release's own eval split, too.",
        json_schema_extra=_ROW,
    )
    leaks: Literal["drop", "report"] = Field(
        "drop", description="Leave out rows that overlap, or only count them.", json_schema_extra=_ROW
    )
    leak_words: int = Field(
        NGRAM,
        ge=FEWEST_WORDS,
        le=1000,
        description="Words in a row that make an overlap.",
        json_schema_extra=_ROW,
    )
    leak_common: int = Field(
        5,
        ge=2,
        description="A run of words that so many texts of the evaluation sets have is boilerplate, and no overlap.",
        json_schema_extra=_ROW,
    )
    leak_terms: int = Field(
        TERMS,
        ge=FEWEST_TERMS,
        le=1000,
        description="Consecutive terms of a sequence that make an overlap.",
        json_schema_extra=_ROW,
    )
    general_license: str | None = Field(
        None,
        min_length=1,
        description="Licence of general rows that are not from Tulu 3 (which is ODC-BY-1.0) and do not say theirs.",
        json_schema_extra=_ROW,
    )
    keep_dropped: bool = Field(
        False, description="Write general rows that were left out beside the data, with the reason."
    )
    local_cpus: int | None = Field(
        None, ge=1, description="CPUs of the local Ray that is started where no cluster runs. Default: all."
    )
    log_seconds: float = Field(30.0, gt=0, description="Seconds between two progress lines.")
