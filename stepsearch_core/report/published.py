"""The paper's own figures, for orientation only: other models, other data, other retrieval.

Source: "StepSearch: Igniting LLMs Search Ability via Step-Wise Proximal Policy Optimization" (arXiv
2505.15107 v2), Tables 1-3: Qwen2.5 models, wiki-18, three passages a search. Values are EM/F1 as printed,
one for each of `BENCHMARKS`.
"""

from __future__ import annotations

from dataclasses import dataclass

BENCHMARKS = ("HotpotQA", "2Wiki", "MuSiQue", "Bamboogle")


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """One table of the paper; a row is (size, method, EM/F1 per benchmark)."""

    title: str
    note: str
    rows: tuple[tuple[str, str, str], ...]


TABLES = (
    PublishedTable(
        "Main results (Table 1)",
        "Published without seeds or intervals. An independent run of the released checkpoints (arXiv"
        " 2510.20548) found less on MuSiQue: .104/.177 for 3B base, .131/.221 for 7B base.",
        (
            ("3B", "Search-R1, base", ".272/.361 .248/.296 .081/.146 .176/.270"),
            ("3B", "Search-R1, instruct", ".304/.401 .293/.352 .120/.188 .240/.344"),
            ("3B", "StepSearch, base", ".329/.434 .339/.395 .181/.273 .328/.419"),
            ("3B", "StepSearch, instruct", ".345/.452 .320/.385 .174/.261 .344/.452"),
            ("7B", "Search-R1, base", ".432/.547 .350/.411 .206/.290 .430/.545"),
            ("7B", "Search-R1, instruct", ".394/.502 .312/.376 .181/.262 .384/.501"),
            ("7B", "StepSearch, base", ".380/.493 .385/.450 .216/.324 .467/.573"),
            ("7B", "StepSearch, instruct", ".386/.502 .366/.431 .226/.312 .400/.534"),
        ),
    ),
    PublishedTable(
        "Reinforcement learning methods (Table 2)",
        "Base models. PPO and GRPO are rewarded with the answer's F1 only.",
        (
            ("3B", "StePPO", ".329/.434 .339/.395 .181/.273 .328/.419"),
            ("3B", "PPO", ".223/.315 .225/.273 .090/.163 .176/.266"),
            ("3B", "GRPO", ".256/.366 .256/.325 .114/.190 .224/.314"),
            ("7B", "StePPO", ".380/.493 .385/.450 .216/.324 .467/.573"),
            ("7B", "PPO", ".374/.479 .282/.329 .198/.280 .432/.549"),
            ("7B", "GRPO", ".351/.462 .266/.345 .202/.291 .400/.512"),
        ),
    ),
    PublishedTable(
        "Ablation (Table 3)",
        "Base models. At 3B the step rewards alone are level with the full method; at 7B two benchmarks are"
        " better without the key reward.",
        (
            ("3B", "PPO", ".228/.315 .225/.273 .090/.163 .176/.266"),
            ("3B", "only key reward", ".259/.375 .178/.282 .127/.218 .232/.334"),
            ("3B", "only redundancy penalty", ".258/.364 .227/.279 .083/.177 .192/.312"),
            ("3B", "only information gain", ".323/.432 .355/.425 .169/.249 .344/.439"),
            ("3B", "only step rewards", ".328/.437 .326/.391 .185/.282 .360/.487"),
            ("3B", "only sub-answer", ".339/.448 .293/.354 .176/.258 .312/.432"),
            ("7B", "full", ".380/.493 .385/.450 .216/.324 .467/.573"),
            ("7B", "without key reward", ".404/.528 .388/.468 .204/.315 .432/.542"),
            ("7B", "without redundancy penalty", ".377/.494 .300/.367 .190/.286 .392/.502"),
            ("7B", "without information gain", ".365/.468 .3651/.422 .208/.303 .421/.540"),
            ("7B", "without step rewards", ".361/.475 .360/.433 .192/.283 .384/.485"),
        ),
    ),
)
