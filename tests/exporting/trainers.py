"""A model so small that a CPU trains it, in a folder as trainers expect it; and what every loader test looks at."""

from __future__ import annotations

import shutil
from pathlib import Path


def tiny_model(tokenizer_folder: Path, folder: Path) -> Path:
    """A randomly initialised Qwen2 of some 50,000 parameters with the given tokenizer."""
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        shutil.copy(file, folder / file.name)
    return folder
