"""A sentence encoder in half precision: the random model itself, by the state of a text's last token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stepsearch_core.doctor.trial import require
from stepsearch_core.doctor.trials.small import small_parts
from stepsearch_core.retrieval.encoders import open_encoder

NEAR = 0.99
"""The cosine of a vector with its own in float32; those of two texts are farther apart."""


def half(overrides: Sequence[str]) -> dict[str, Any]:
    """In float16 and bfloat16 a passage's vector is close to that of float32."""
    with small_parts(overrides) as parts:
        source = str(parts.data / "warmstart" / "policy")
        texts = [passage.contents for passage in list(parts.corpus)[:64]]
        vectors = {}
        for dtype in ("float32", "float16", "bfloat16"):
            params = replace(parts.params.retrieval, encoder=source, encoder_dtype=dtype)
            vectors[dtype] = open_encoder(params, parts.data).encode_passages(texts)
        whole = vectors.pop("float32")
        cosines = {f"{dtype} cosine": float((whole * made).sum(1).min()) for dtype, made in vectors.items()}
        for name, cosine in cosines.items():
            require(cosine >= NEAR, f"the least {name} with float32 is {cosine:.3f}")
        others = float(np.triu(whole @ whole.T, 1).max())
        return cosines | {"of two texts at most": others}
