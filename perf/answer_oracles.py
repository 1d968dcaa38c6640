"""EM and F1 as the scripts of HotpotQA and MuSiQue define them, derived once more to compare with.

HotpotQA's `hotpot_evaluate_v1.py` and MuSiQue's `metrics/answer.py` both normalise as SQuAD's script does:
lower case, without ASCII punctuation, without the words a, an and the, single blanks. They differ in F1:
HotpotQA's is 0 where one side is yes, no or noanswer and the other is not the same; MuSiQue's is 1 of two
texts without words, where this project and HotpotQA have 0 (`metrics.answers`).
"""

from __future__ import annotations

import random
import re

_WORDS = (
    *("a", "an", "the", "The", "yes", "no", "noanswer"),
    *("Paris", "paris", "U.S.", "New", "York", "1", "1.0"),
)
_SIGNS = (
    *(" ", "  ", "\t", "\n", "-", "_", "'", "'s", ",", "."),
    *("!", "(", ")", "/", "%", "$", "", "`", "~", "^"),
)


def normalised(text: str) -> list[str]:
    """The words that SQuAD's normalisation leaves, by removing one thing after another."""
    lower = "".join(chr(ord(sign) + 32) if "A" <= sign <= "Z" else sign for sign in text)
    bare = re.sub(r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]""", "", lower)
    return re.sub(r"(?<!\w)(?:a|an|the)(?!\w)", " ", bare).split()


def hotpotqa_scores(prediction: str, gold: str) -> tuple[float, float]:
    """EM and F1 of one prediction against one answer, as HotpotQA's script has them."""
    said, meant = normalised(prediction), normalised(gold)
    for one, other in ((said, meant), (meant, said)):
        if one in (["yes"], ["no"], ["noanswer"]) and one != other:
            return 0.0, 0.0
    return float(said == meant), _f1(said, meant)


def musique_scores(prediction: str, golds: list[str]) -> tuple[float, float]:
    """EM and F1 of one prediction, the best over all answers, as MuSiQue's script has them."""
    said = normalised(prediction)
    scores = []
    for gold in golds:
        meant = normalised(gold)
        scores.append((float(said == meant), _f1(said, meant) if said and meant else float(said == meant)))
    return max(em for em, _ in scores), max(f1 for _, f1 in scores)


def _f1(said: list[str], meant: list[str]) -> float:
    """Precision and recall over words that are struck out one after another."""
    left, same = list(meant), 0
    for word in said:
        if word in left:
            left.remove(word)
            same += 1
    if not same:
        return 0.0
    precision, recall = same / len(said), same / len(meant)
    return 2 * precision * recall / (precision + recall)


def adversarial(draw: random.Random) -> str:
    """A text of words that normalisation treats in its own way, joined by signs that it drops or keeps."""
    parts = [draw.choice(_WORDS) + draw.choice(_SIGNS) for _ in range(draw.randrange(6))]
    return draw.choice(_SIGNS) + "".join(parts)
