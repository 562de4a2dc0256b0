"""Nobody pays for training who does not train: settings load without torch, and nothing else asks for it."""

from __future__ import annotations

import subprocess
import sys

LACKING = """
import sys
for name in ("torch", "transformers", "trl", "peft", "accelerate"):
    sys.modules[name] = None  # as if it were not installed
import codeseq_ray.pipeline.run, codeseq_ray.reward.trl, codeseq_ray.settings, codeseq_ray.training.prepared
from codeseq_ray.errors import UsageError
from jobs import train_sft
try:
    train_sft.main(["--model", "m", "--dataset", "d", "--dry-run"])
except UsageError as error:
    print(error)
"""


def test_settings_and_jobs_load_without_the_packages_of_training() -> None:
    told = subprocess.run([sys.executable, "-c", LACKING], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert "make install-train" in told.stdout
