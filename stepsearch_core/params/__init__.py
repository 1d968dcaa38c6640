"""The one schema of `params.yaml`: OmegaConf structured configs, a section for each stage, some for several.

`load_params` merges a file onto the schema, so an unknown key, a wrong type or a value outside its limits is
an error that names it. Limits stand beside their fields (`limits`); `rules` says what several parameters
must satisfy together. Default values are those of `stepsearch_core/defaults.yaml`, the base of all profiles
(`defaults`).
"""

from stepsearch_core.params.loading import ParamsError, asked_with, load_params
from stepsearch_core.params.published import BENCHMARKS, CATALOGUE, PAPER_BENCHMARKS, Source
from stepsearch_core.params.rules import RULES
from stepsearch_core.params.schema import Params, importance_sampled
from stepsearch_core.params.shared import (
    METHODS,
    TANTIVY_CONSTANTS,
    EndpointParams,
    EnvironmentParams,
    ModelParams,
    RetrievalParams,
    RewardParams,
    RolloutParams,
    TokenizerParams,
    indexes_of,
)
from stepsearch_core.params.stages import (
    CEILINGS,
    CONTAMINATION,
    GAIN,
    MEAN,
    NO_POLICIES,
    PAIRED,
    POLICIES,
    TRAINABLE,
    TRAINING_FILES,
    CorpusParams,
    DatasetParams,
    EvaluateParams,
    FetchParams,
    HardwareParams,
    IndexParams,
    PolicyParams,
    ReportParams,
    SynthesizeParams,
    WorldParams,
)
from stepsearch_core.params.training import (
    GuardParams,
    LearningParams,
    TrainParams,
    WarmstartParams,
    WatchParams,
)
from stepsearch_core.params.values import params_yaml

__all__ = [
    "BENCHMARKS",
    "CATALOGUE",
    "CEILINGS",
    "CONTAMINATION",
    "GAIN",
    "MEAN",
    "METHODS",
    "NO_POLICIES",
    "PAIRED",
    "PAPER_BENCHMARKS",
    "POLICIES",
    "RULES",
    "TANTIVY_CONSTANTS",
    "TRAINABLE",
    "TRAINING_FILES",
    "CorpusParams",
    "DatasetParams",
    "EndpointParams",
    "EnvironmentParams",
    "EvaluateParams",
    "FetchParams",
    "GuardParams",
    "HardwareParams",
    "IndexParams",
    "LearningParams",
    "ModelParams",
    "Params",
    "ParamsError",
    "PolicyParams",
    "ReportParams",
    "RetrievalParams",
    "RewardParams",
    "RolloutParams",
    "Source",
    "SynthesizeParams",
    "TokenizerParams",
    "TrainParams",
    "WarmstartParams",
    "WatchParams",
    "WorldParams",
    "asked_with",
    "importance_sampled",
    "indexes_of",
    "load_params",
    "params_yaml",
]
