"""A sentence encoder on a CPU and published text: passages a second in float32 and bfloat16, what it finds.

STEPSEARCH_ENCODER names its folder. `bfloat16_speedup` is bfloat16 over float32 on evenly spaced passages of
the folder in STEPSEARCH_REAL_DATA, in turn, by the seconds that the process itself works. `least_cosine` is
what a passage's two vectors have in common at least. Recall is that of resolved sub-questions
(`retrieval_recall`), all passages encoded once in bfloat16: a quarter of an hour.
"""

from __future__ import annotations

import operator
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from perf.measure import in_turn, median_of_pairs, report
from perf.real_data import CORPUS, DEV, real_data
from perf.retrieval_recall import real_corpus, recall
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.sentence_encoder import SentenceEncoder

PASSAGES, QUICK_PASSAGES = 500, 50
DTYPES = ("float32", "bfloat16")


def main(quick: bool) -> None:
    """Print all figures; `quick` encodes a tenth of the passages, once, and looks for nothing.

    Raises:
        SystemExit: a variable names no folder.
    """
    real = real_data(CORPUS, DEV)
    folder = os.environ.get("STEPSEARCH_ENCODER", "-")
    if not Path(folder).is_dir():
        sys.exit("skipped: STEPSEARCH_ENCODER names no folder")
    passages, repeats = (QUICK_PASSAGES, 1) if quick else (PASSAGES, 3)
    with tempfile.TemporaryDirectory(prefix="stepsearch-encoder-") as name:
        corpus = real_corpus(real, Path(name) / "corpus")
        stride = len(corpus) // passages
        texts = list(corpus.contents())[::stride][:passages]
        encoders = {
            dtype: SentenceEncoder(RetrievalParams(encoder=folder, encoder_dtype=dtype)) for dtype in DTYPES
        }
        rows = [encoder.encode_passages(texts) for encoder in encoders.values()]  # warms up, too
        rates = in_turn(
            {dtype: partial(_rate, encoder, texts) for dtype, encoder in encoders.items()}, repeats
        )
        found = {} if quick else recall(corpus, real, Path(name) / "recall", folder, "bfloat16")
    figures = {
        "bfloat16_speedup": median_of_pairs(operator.truediv, rates["bfloat16"], rates["float32"]),
        "least_cosine": float(np.einsum("pd,pd->p", *rows).min()),
        **{f"{method}_recall_{depth}": value for (method, depth), value in found.items()},
    }
    sides = {f"passages_per_second_{dtype}": values for dtype, values in rates.items()}
    workload = [real / CORPUS, real / DEV, passages]
    report("encoder", figures, sides, repeats, workload, passages=passages, dimensions=rows[0].shape[1])


def _rate(encoder: SentenceEncoder, texts: Sequence[str]) -> float:
    """Passages a second of the process's own."""
    before = time.process_time()
    encoder.encode_passages(texts)
    return len(texts) / (time.process_time() - before)
