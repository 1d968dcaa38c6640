"""What the environment says: the prompt, the passages' layout and its two notices, in two styles.

`minimal` is for small models trained from nothing: the question and as few tokens as possible around passages.
`paper` follows the instructions of Table 4 (role, loop of think, search, information, answer; noisy results; short
answer), in our wording, and the release's layout of documents. Departure: the paper's text mentions three
demonstrations that neither its table nor its code holds; there are none here either.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """Templates: `prompt` takes {question}; `document` takes {rank}, {title} and {text}."""

    prompt: str
    document: str
    invalid_notice: str
    last_turn_notice: str

    def vocabulary(self) -> list[str]:
        """Texts with every word the environment itself may say, for training a tokenizer."""
        documents = [self.document.format(rank=rank, title="", text="") for rank in range(1, 11)]
        return [self.prompt.format(question=""), *documents, self.invalid_notice, self.last_turn_notice]


MINIMAL = PromptStyle(
    prompt="Question : {question}",
    document="Doc {rank} : {text}",
    invalid_notice="Invalid . Search or answer .",
    last_turn_notice="Answer now .",
)

PAPER = PromptStyle(
    prompt=(
        "You are a research assistant who answers hard questions with the help of a search engine. "
        "First reason inside <think> and </think> about what you know and what is missing. "
        "To look something up, write a query as <search> keywords </search>; the results come back between "
        "<information> and </information>. Results can be noisy or incomplete: if they do not help, think about why "
        "and search again with other words. Repeat think and search as often as needed. "
        "When you know the answer, give it without any explanation as <answer> answer </answer>, "
        "for example <answer> Beijing </answer>.\nQuestion: {question}\n"
    ),
    document="Doc {rank} (Title: {title}) {text}\n",
    invalid_notice=(
        "\n<warning> That was no valid action. Put a query between the search tags, or the final answer between the "
        "answer tags, and try again. </warning>\n"
    ),
    last_turn_notice="\n<warning> No searches are left. Think once more and give the answer now. </warning>\n",
)

STYLES = {"minimal": MINIMAL, "paper": PAPER}
