"""TRL's GRPO on a saved tiny model: seconds of each training step, as a JSON list, in TRL's environment.

`python trl_grpo.py MODEL PROMPTS.json SETTINGS.json`: a folder of a model with its tokenizer, a list of
prompts, and `{group, completion_tokens, steps, learning_rate, beta, temperature}`; every step takes all
prompts.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.started = 0.0

    def on_step_begin(self, *given: Any, **named: Any) -> None:
        """Called before sampling."""
        self.started = time.perf_counter()

    def on_step_end(self, *given: Any, **named: Any) -> None:
        """Called after the optimizer's step."""
        self.seconds.append(time.perf_counter() - self.started)


def main(model_folder: str, prompts_file: str, settings_file: str) -> None:
    """Train for a few steps and print how long each took."""
    prompts, settings = (json.loads(Path(path).read_text()) for path in (prompts_file, settings_file))
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    rows = len(prompts) * settings["group"]
    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            per_device_train_batch_size=rows,
            num_generations=settings["group"],
            max_completion_length=settings["completion_tokens"],
            max_steps=settings["steps"],
            learning_rate=settings["learning_rate"],
            beta=settings["beta"],
            temperature=settings["temperature"],
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            logging_steps=10_000,
            save_strategy="no",
            disable_tqdm=True,
        )
        clock = Clock()
        trainer = GRPOTrainer(
            model=model,
            args=config,
            reward_funcs=lambda completions, **_: [len(set(text.split())) / 100 for text in completions],
            train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts] * settings["steps"]),
            processing_class=tokenizer,
            callbacks=[clock],
        )
        trainer.train()
    print(json.dumps(clock.seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
