"""All of `params.yaml`: one dataclass of sections, which the modules beside this one declare."""

from __future__ import annotations

from dataclasses import field

from stepsearch_core.base.limits import anything, number
from stepsearch_core.params.defaults import section
from stepsearch_core.params.shared import (
    EndpointParams,
    EnvironmentParams,
    ModelParams,
    RetrievalParams,
    RewardParams,
    RolloutParams,
    TokenizerParams,
)
from stepsearch_core.params.stages import (
    CorpusParams,
    EvaluateParams,
    FetchParams,
    HardwareParams,
    IndexParams,
    ReportParams,
    SynthesizeParams,
)
from stepsearch_core.params.training import TrainParams, WarmstartParams, WatchParams


@section()
class Params:
    """All of `params.yaml`."""

    profile: str = anything()
    seed: int = number(at_least=0)
    model: ModelParams = field(default_factory=ModelParams)
    tokenizer: TokenizerParams = field(default_factory=TokenizerParams)
    environment: EnvironmentParams = field(default_factory=EnvironmentParams)
    rollout: RolloutParams = field(default_factory=RolloutParams)
    reward: RewardParams = field(default_factory=RewardParams)
    endpoint: EndpointParams = field(default_factory=EndpointParams)
    retrieval: RetrievalParams = field(default_factory=RetrievalParams)
    fetch: FetchParams = field(default_factory=FetchParams)
    corpus: CorpusParams = field(default_factory=CorpusParams)
    index: IndexParams = field(default_factory=IndexParams)
    synthesize: SynthesizeParams = field(default_factory=SynthesizeParams)
    warmstart: WarmstartParams = field(default_factory=WarmstartParams)
    train: TrainParams = field(default_factory=TrainParams)
    evaluate: EvaluateParams = field(default_factory=EvaluateParams)
    report: ReportParams = field(default_factory=ReportParams)
    watch: WatchParams = field(default_factory=WatchParams)
    hardware: HardwareParams = field(default_factory=HardwareParams)


def importance_sampled(params: Params) -> bool:
    """Whether training corrects for sampler and trainer being apart, as in bfloat16 and with vLLM."""
    apart = params.model.dtype == "bfloat16" or params.rollout.engine == "vllm"
    return {"auto": apart, "always": True, "never": False}[params.train.importance_sampling]
