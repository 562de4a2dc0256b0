"""Nobody pays for training who does not train: the jobs' settings load without torch, and nothing else asks for it."""

from __future__ import annotations

import subprocess
import sys


def test_settings_and_jobs_load_without_the_packages_of_training() -> None:
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'transformers', 'trl', 'peft', 'accelerate')))\n"  # None: not there
        "import codeseq_ray.settings, codeseq_ray.pipeline.run, codeseq_ray.reward.trl, codeseq_ray.training.prepared\n"
        "from codeseq_ray.errors import UsageError\n"
        "from jobs import train_sft\n"
        "try:\n"
        "    train_sft.main(['--model', 'm', '--dataset', 'd', '--dry-run'])\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert "make install-train" in told.stdout
