"""A trained model for those who use it: its card, and the adapter merged into the weights it was trained on."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from codeseq_ray import __version__
from codeseq_ray.training.prepared import Prepared
from codeseq_ray.training.settings import TrainingSettings

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "ray")


def write_card(
    folder: Path, settings: Mapping[str, Any], rows: Prepared, log: Sequence[Mapping[str, Any]]
) -> None:
    """README.md in the folder, in the place of the one that the trainer makes."""
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    last = {name: value for entry in log for name, value in entry.items()}
    figures = [
        f"| {name} | {value:.6g} |" for name, value in sorted(last.items()) if isinstance(value, int | float)
    ]
    told = [f"| {name} | {value} |" for name, value in sorted(settings.items()) if value is not None]
    (folder / "README.md").write_text(
        "\n".join(
            [
                "---",
                f"base_model: {settings['model']}",
                f"library_name: {'peft' if settings['method'] == 'lora' else 'transformers'}",
                "tags: [codeseq-ray]",
                "---",
                "",
                f"# Trained from {settings['model']}",
                "",
                f"By codeseq-ray {__version__} with {libraries}.",
                "",
                "## Rows",
                "",
                *(f"- {' '.join(line.split())}" for line in rows.lines()),
                f"- digest of what was trained on: `{rows.digest}`",
                "",
                "Sequences are from the OEIS (CC BY-SA 4.0, https://oeis.org); general rows have their own licences, "
                "which the card of their mix names.",
                "",
                "## Settings",
                "",
                "| | |",
                "|---|---|",
                *told,
                "",
                "## Last figures",
                "",
                "| | |",
                "|---|---|",
                *figures,
                "",
            ]
        ),
        encoding="utf-8",
    )


def merged(settings: TrainingSettings, adapter: Path, into: Path) -> Path:
    """The whole model with the adapter in it, in the numbers of the original, on the CPU."""
    model = AutoModelForCausalLM.from_pretrained(
        settings.model, revision=settings.model_revision, dtype="auto"
    )
    whole = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    whole.save_pretrained(str(into))
    AutoTokenizer.from_pretrained(str(adapter)).save_pretrained(str(into))
    return into
