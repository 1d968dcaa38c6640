"""What the environment says: the prompt, the passages' layout and its two notices, in three styles.

`minimal` is for small models trained from nothing: the question and as few tokens as possible around
passages. `paper` follows the instructions of Table 4 (role, loop of think, search, information, answer;
noisy results; short answer), in our wording, and the release's layout of documents. Departure: the paper's
text mentions three demonstrations that neither its table nor its code holds; there are none here either.
`released` follows the released training prompt: plan and observation in place of think, that code's layout
of documents with blank lines around them, and warnings in the policy's own voice that spell out the tags
(its scoring, in `rewards.released`, takes them for searches). Wording is ours in all three.

Without searches (`environment.max_searches: 0`) a style tells the policy to reason and answer, as R1 is told
(Guo et al. 2025, arXiv 2501.12948): with it GRPO trains the baseline "R1 without search".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stepsearch_core.environment.actions import PLAN, THINK, Grammar
from stepsearch_core.environment.prompt_files import read_prompt_file
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.params import EnvironmentParams
from stepsearch_core.params.shared import is_prompt_file


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """Templates: `prompt` takes {question}; `document` takes {rank}, {title} and {text}.

    `opening` and `closing` stand around the documents; the grammar says how the policy's turns look.
    """

    prompt: str
    document: str
    invalid_notice: str
    last_turn_notice: str
    grammar: Grammar = THINK
    opening: str = "<information>"
    closing: str = "</information>"
    cut_mark: str = " ..."
    """Behind the text of a document that is cut."""
    closed_book: str | None = None
    """The prompt where there are no searches; None: the same."""

    def vocabulary(self) -> list[str]:
        """Texts with every word the environment itself may say, for training a tokenizer."""
        documents = [self.document.format(rank=rank, title="", text="") for rank in range(1, 11)]
        return [
            self.prompt.format(question=""),
            *documents,
            self.invalid_notice,
            self.last_turn_notice,
            self.cut_mark,
        ]


MINIMAL = PromptStyle(
    prompt="Question : {question}",
    document="Doc {rank} : {text}",
    invalid_notice="Invalid . Search or answer .",
    last_turn_notice="Answer now .",
    cut_mark=" . . .",
)

PAPER = PromptStyle(
    prompt=(
        "You are a research assistant who answers hard questions with the help of a search engine. First"
        " reason inside <think> and </think> about what you know and what is missing. To look something up,"
        " write a query as <search> keywords </search>; the results come back between <information> and"
        " </information>. Results can be noisy or incomplete: if they do not help, think about why and"
        " search again with other words. Repeat think and search as often as needed. When you know the"
        " answer, give it without any explanation as <answer> answer </answer>, for example <answer> Beijing"
        " </answer>.\nQuestion: {question}\n"
    ),
    document="Doc {rank} (Title: {title}) {text}\n",
    invalid_notice=(
        "\n<warning> That was no valid action. Put a query between the search tags, or the final answer"
        " between the answer tags, and try again. </warning>\n"
    ),
    last_turn_notice=(
        "\n<warning> No searches are left. Think once more and give the answer now. </warning>\n"
    ),
    closed_book=(
        "You answer hard questions from what you know; there is nothing to look things up in. First reason"
        " step by step inside <think> and </think>. Then give the answer without any explanation as <answer>"
        " answer </answer>, for example <answer> Beijing </answer>.\nQuestion: {question}\n"
    ),
)

RELEASED = PromptStyle(
    prompt=(
        "You do deep research: you answer a hard question step by step with a search tool. Begin with a plan"
        " inside <plan> and </plan>: what is known, what is missing, what to look up next. Then call the"
        " tool with keywords as <search> keywords </search>; it returns documents between <information> and"
        " </information>. After every result, first say inside <observation> and </observation> what each of"
        " the returned documents contributes, leaving none out, then revise the plan inside <plan> and"
        " </plan>. Go on in this way until nothing is missing, and finish with <answer> answer </answer>:"
        " short, without a long explanation, for example <answer> Beijing </answer>.\nQuestion: {question}\n"
    ),
    document="Doc {rank}<## Title: {title} ##> {text}\n",
    invalid_notice=(
        "\n<warning> I took no valid action. My queries belong between <search> and </search>, my final"
        " answer between <answer> and </answer>. I try again. </warning>\n"
    ),
    last_turn_notice=(
        "\n<warning> I have no <search></search> calls left. I think one last time and then answer."
        " </warning>\n"
    ),
    grammar=PLAN,
    opening="\n\n<information> ",
    closing=" </information>\n\n",
    closed_book=(
        "You answer a hard question step by step from what you know; there is no search tool. Begin with a"
        " plan inside <plan> and </plan>: what is known, what is missing, what follows from it. Finish with"
        " <answer> answer </answer>: short, without a long explanation, for example <answer> Beijing"
        " </answer>.\nQuestion: {question}\n"
    ),
)

TEXTS = (
    *("prompt", "document", "invalid_notice", "last_turn_notice"),
    *("opening", "closing", "cut_mark", "closed_book"),
)
"""The fields of a style that are texts, as a prompt file may have them."""
STYLES = {"minimal": MINIMAL, "paper": PAPER, "released": RELEASED}


def style_of(params: EnvironmentParams) -> PromptStyle:
    """What the environment says with these parameters: the prompt's style, the protocol's texts in it.

    What a prompt file says comes before what the protocol says, and that before the style.

    Raises:
        DataError: the prompt file is missing or damaged.
    """
    base, said = params.prompt, dict[str, Any](PROTOCOLS[params.protocol].texts)
    if is_prompt_file(base):
        base, own = read_prompt_file(base, tuple(STYLES), TEXTS)
        said |= own
    if "prompt" in said:
        said.setdefault("closed_book", None)
    style = replace(STYLES[base], **said)
    asked = style.prompt if params.max_searches else style.closed_book or style.prompt
    return replace(style, prompt=asked)
