"""NVIDIA Data Designer: one text column per round, skipped where the answer before asks for no other round."""

from __future__ import annotations

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.workload import AGAIN, MODEL, MOST_ROUNDS, SYSTEM, TASK


def work(task: Task) -> None:
    designer = DataDesigner(
        artifact_path=task.folder,
        model_providers=[
            dd.ModelProvider(name="server", endpoint=task.url, provider_type="openai", api_key="EMPTY")
        ],
    )
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))
    config = dd.DataDesignerConfigBuilder(
        model_configs=[
            dd.ModelConfig(
                alias="writer",
                model=MODEL,
                provider="server",
                skip_health_check=True,
                inference_parameters=dd.ChatCompletionInferenceParams(
                    max_parallel_requests=task.slots, max_tokens=1024, temperature=0.7, timeout=600
                ),
            )
        ]
    )
    seeds = pd.DataFrame({"record": [f"{record:06d}" for record in task.records]})
    config.with_seed_dataset(dd.DataFrameSeedSource(df=seeds), sampling_strategy=dd.SamplingStrategy.ORDERED)
    for round_ in range(1, MOST_ROUNDS + 1):
        before = f"round_{round_ - 1}"
        config.add_column(
            dd.LLMTextColumnConfig(
                name=f"round_{round_}",
                prompt=f"[record {{{{ record }}}} round {round_}]\n{TASK}",
                system_prompt=SYSTEM,
                model_alias="writer",
                skip=None
                if round_ == 1
                else dd.SkipConfig(when=f"{{{{ '{AGAIN}' not in {before} }}}}", value="none"),
            )
        )
    designer.create(config, num_records=len(task.records), dataset_name="occupancy")


if __name__ == "__main__":
    work(told())
