"""The model that a profile starts from: here and whole, long enough, fit for engine and training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import Subject
from stepsearch_core.checking.weights import tensor_shapes, weight_problem
from stepsearch_core.policy.structure import FAMILIES, check_weights_kind, context_limit, structure_problem

_AGAIN = "copy or download the model's folder again, whole"


def check_presence(subject: Subject) -> Iterator[Finding]:
    """`model.source` is here, or will be downloaded."""
    source = subject.params.model.source
    if source is None or subject.model_folder:
        return
    if is_path(source):
        problem = f"{source!r} is no folder"
        try:
            check_weights_kind(source)
        except DataError as error:
            problem = error.problem
        yield subject.error("model.source", problem, "name a folder with a model, or one of the hub")
    else:
        yield subject.download("model.source", source, "the model", _download_size(subject))


def check_weights(subject: Subject) -> Iterator[Finding]:
    """The files of the weights are whole, and have the shapes of the configuration."""
    folder = subject.model_folder
    if folder is None or subject.config is None:
        return
    if damage := weight_problem(folder):
        place, problem = damage
        yield Finding(Severity.ERROR, place, "model.source", problem, _AGAIN)
        return
    wanted = [subject.config.get(name) for name in ("vocab_size", "hidden_size")]
    shape = next(
        (s for name, s in tensor_shapes(folder).items() if name.endswith("embed_tokens.weight")), wanted
    )
    if shape != wanted:
        problem = f"the weights have embeddings of {shape}, the configuration says {wanted}"
        yield Finding(Severity.ERROR, str(folder / "config.json"), "vocab_size", problem, _AGAIN)


def check_structure(subject: Subject) -> Iterator[Finding]:
    """The engine samples from this kind of model, and it can be trained."""
    config = subject.config
    if config is None:
        return
    if subject.params.rollout.engine == "transformers" and (problem := structure_problem(config)):
        yield subject.error(
            "rollout.engine", problem, "rollout.engine: vllm samples from more kinds; or another model"
        )
    if method := config.get("quantization_config"):
        kind = method.get("quant_method", "quantised") if isinstance(method, dict) else "quantised"
        problem = f"the weights are quantised ({kind}) and cannot be trained"
        yield subject.error("model.source", problem, "name the model's plain weights")


def check_context(subject: Subject) -> Iterator[Finding]:
    """The model's context holds the longest trajectory, wherever the model's shape was written."""
    config = subject.config
    longest = subject.params.environment.max_trajectory_tokens
    limit = config and context_limit(config)
    if limit and longest > limit:
        yield subject.error(
            "environment.max_trajectory_tokens",
            f"{longest} tokens, but the model's context has {limit}"
            f" ({subject.model_folder or 'model.source'})",
            f"at most {limit}, or a model with a longer context",
        )


def check_training(subject: Subject) -> Iterator[Finding]:
    """A model of a family that is not written down can be trained, with adapters if it is to have them."""
    config, train = subject.config, subject.params.train
    if config is None or config["model_type"] in FAMILIES:
        return
    from stepsearch_core.policy.adapters import add_adapters
    from stepsearch_core.policy.models import empty_model, training_problem

    model = empty_model(config)
    if problem := training_problem(model):
        yield subject.error("model.source", problem, f"a model of {', '.join(FAMILIES)} can be trained")
    elif train.lora_rank:
        add_adapters(model, train.lora_rank, train.lora_alpha)


def check_adapters(subject: Subject) -> Iterator[Finding]:
    """Adapters are smaller than what they adapt."""
    rank = subject.params.train.lora_rank
    width = subject.config["hidden_size"] if subject.config else subject.params.model.hidden_size
    if rank >= width:
        problem = f"adapters of rank {rank} have no fewer parameters than weights {width} wide"
        yield subject.warning("train.lora_rank", problem, "a rank of 8 to 64 is usual; 0 trains all weights")


def check_watched(subject: Subject) -> Iterator[Finding]:
    """Models in folders of this machine, which no stage can have among its dependencies."""
    sources = {
        "model.source": (subject.params.model.source, "warmstart"),
        "retrieval.encoder": (subject.params.retrieval.encoder, "index"),
    }
    for key, (source, stage) in sources.items():
        if source and Path(source).is_dir() and subject.comes(stage):
            problem = f"{source} is no dependency of a stage: if a file in it changes, nothing becomes stale"
            yield subject.note(key, problem, f"`dvc repro {stage} --force` then, or another name")


def check_ignored(subject: Subject) -> Iterator[Finding]:
    """What is written of the model and not read."""
    params = subject.params
    if params.model.source and params.tokenizer.kind != "pretrained":
        problem = f"{params.tokenizer.kind!r} is not read: model.source brings its tokenizer"
        yield subject.note("tokenizer.kind", problem, "tokenizer.kind: pretrained says so")


def check_readable(subject: Subject) -> Iterator[Finding]:
    """Configuration and tokenizer can be read, the tags be written, and the chat template taken apart."""
    _ = subject.config, subject.tokenizer, subject.renderer
    for error in {str(error): error for error in subject.refused}.values():
        yield subject.refusal(error, "another model, tokenizer or style of prompt, or mend the file")


def is_path(source: str) -> bool:
    """Whether a name is meant as a path: the hub's names are NAME or OWNER/NAME."""
    return source.startswith((".", "/", "~")) or source.count("/") > 1 or Path(source).exists()


def _download_size(subject: Subject) -> str:
    plan = subject.plan
    return f"{2 * plan.shape.parameters / 1e9:.1f} GB in bfloat16" if plan else "of unknown size"
