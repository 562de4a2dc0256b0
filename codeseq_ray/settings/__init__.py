"""One schema of settings for YAML (`--config`), environment (`CODESEQ_…`) and command line, in rising order.

Each room declares the settings that it reads (a small class beside its code); `jobs` joins them to a schema for each
job, `loading` reads them.
"""

from codeseq_ray.settings.jobs import (
    ONLY_MODELS,
    SCHEMAS,
    EstimateSettings,
    EvaluateSettings,
    ExportSettings,
    GrpoSettings,
    JudgeSettings,
    MixSettings,
    ReportSettings,
    RolloutSettings,
    RunSettings,
    SamplingSettings,
    Settings,
    SftSettings,
    ShowSettings,
    SweepSettings,
    TrainSettings,
    VerifySettings,
    sandbox_of,
    store_of,
)
from codeseq_ray.settings.loading import NOT_SETTINGS, fingerprint, load, refuse_other
from codeseq_ray.settings.shared import (
    PREFIX,
    OutputSettings,
    PipelineSettings,
    PlaceSettings,
    Sourced,
    WorkSettings,
)

__all__ = [
    "NOT_SETTINGS",
    "ONLY_MODELS",
    "PREFIX",
    "SCHEMAS",
    "EstimateSettings",
    "EvaluateSettings",
    "ExportSettings",
    "GrpoSettings",
    "JudgeSettings",
    "MixSettings",
    "OutputSettings",
    "PipelineSettings",
    "PlaceSettings",
    "ReportSettings",
    "RolloutSettings",
    "RunSettings",
    "SamplingSettings",
    "Settings",
    "SftSettings",
    "ShowSettings",
    "Sourced",
    "SweepSettings",
    "TrainSettings",
    "VerifySettings",
    "WorkSettings",
    "fingerprint",
    "load",
    "refuse_other",
    "sandbox_of",
    "store_of",
]
