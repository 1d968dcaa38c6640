import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from stepsearch_core.base.types import ActionKind
from stepsearch_core.environment.protocols.ircot import ends_sentence
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.policy.tokenizers import prepare
from stepsearch_core.sampling.turns import StopRule, TurnInProgress
from tests import across_tags, published, tiny


def byte_pairs_across_tags(*ends):
    """A byte-level BPE like published ones, whose tags are ordinary text; these ends of turns are one token
    each.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(" ", "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([f"oslo {end}" for end in ends for _ in range(99)], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    assert all(len(made.encode(end)) == 1 for end in ends)
    return made


def sampled(tokenizer, text):
    """The tokens of `text` up to where a turn that samples them is done."""
    turn, stops = TurnInProgress(99, None), StopRule(tokenizer)
    for token in tokenizer.encode(text):
        turn.append(token, -1.0, stops)
        if turn.done:
            return turn.ids
    raise AssertionError("the turn goes on")


@pytest.mark.parametrize("parser", ["strict", "lenient"])
@pytest.mark.parametrize("behind", [".", "</", "\n\n", "?!", "The", "<answer>"])
def test_what_a_token_holds_behind_the_tag_that_it_closes_is_not_the_policy_s_doing(parser, behind):
    tokenizer = byte_pairs_across_tags(f"</search>{behind}", "</answer>")
    limits = {"max_turn_tokens": 40, "max_observation_tokens": 80, "max_trajectory_tokens": 900}
    playing = Episode(tiny.ADA, 0, Renderer(tokenizer, tiny.environment(parser=parser, **limits)))
    ids = sampled(tokenizer, f"<think> hm </think> <search> oslo </search>{behind} and more")
    text = tokenizer.decode(ids)
    assert text == f"<think> hm </think> <search> oslo </search>{behind}"
    action = playing.act(ids, [-1.0] * len(ids), text)
    assert (action.kind, action.text, action.has_think) == (ActionKind.SEARCH, "oslo", True)
    assert playing.trajectory.token_ids[-len(ids) :] == ids  # in the context it stays as it was sampled


@pytest.mark.parametrize(
    ("parser", "kind"), [("strict", ActionKind.INVALID), ("lenient", ActionKind.SEARCH)]
)
def test_text_of_tokens_of_its_own_behind_the_tag_is_text_outside_of_it(parser, kind):
    tokenizer = byte_pairs_across_tags("</search>.", "</answer>")
    limits = {"max_turn_tokens": 40, "max_observation_tokens": 80, "max_trajectory_tokens": 900}
    renderer = Renderer(tokenizer, tiny.environment(parser=parser, **limits))
    # given: a sampled turn would have ended before
    written = renderer.written("<search> oslo </search>. and", 40)
    assert Episode(tiny.ADA, 0, renderer).act(*written).kind is kind


def test_each_of_several_ends_ends_a_turn():
    stops = StopRule(prepare(published.llama_3(), [401, 402]))
    assert [token for token in range(405) if stops.ends([80, token])] == [401, 402, 404]


def test_a_protocol_may_end_turns_by_what_they_say():
    tokenizer = byte_pairs_across_tags("</search>")
    for text, ended in (("oslo is there. and on", "oslo is there."), ("it <search> a </search> on", None)):
        turn, stops = TurnInProgress(99, None), StopRule(tokenizer, ends_sentence)
        for token in tokenizer.encode(text):
            if not turn.done:
                turn.append(token, -1.0, stops)
        assert tokenizer.decode(turn.ids) == (ended or "it <search> a </search>")
        assert stops.length(tokenizer.encode(text)) == len(turn.ids)


def test_special_tokens_within_a_tag_are_no_text_however_many():
    tokenizer = published.qwen()
    special = tokenizer.convert_tokens_to_ids("<|im_start|>")
    opening, closing = tokenizer.encode("<search> oslo </sea"), tokenizer.encode("rch>")
    ids, stops = [*opening, *[special] * 20, *closing], StopRule(tokenizer)
    assert [stops.ends(ids[: count + 1]) for count in range(len(ids))] == [False] * (len(ids) - 1) + [True]
    assert stops.text(ids) == "<search> oslo </search>"


def test_half_a_character_before_a_tag_does_not_hide_it():
    tokenizer = published.qwen()
    half = tokenizer.encode("é")[:1]
    ids, stops = [*half, *tokenizer.encode("</search>")], StopRule(tokenizer)
    assert stops.ends(ids)
    assert stops.text(ids) == "\ufffd</search>"


def test_a_tag_that_is_a_special_token_ends_a_turn_and_is_text():
    tokenizer = across_tags.special_tags()
    playing = Episode(tiny.ADA, 0, Renderer(tokenizer, across_tags.environment()))
    ids = sampled(tokenizer, "<think> hm </think> <search> oslo </search>. and more")
    text = StopRule(tokenizer).text([*ids, tokenizer.convert_tokens_to_ids("<|im_end|>")])
    assert text == "<think> hm </think> <search> oslo </search>"
    action = playing.act(ids, None, text)
    assert (action.kind, action.text, action.has_think) == (ActionKind.SEARCH, "oslo", True)


@pytest.mark.parametrize("behind", ["", ".", ".</", across_tags.TORN])
def test_what_an_engine_samples_behind_the_end_of_a_turn_is_not_the_turn_s(behind):
    tokenizer = across_tags.qwen()
    stops = StopRule(tokenizer)
    ids, _ = across_tags.searching(tokenizer, "oslo", behind)
    more = tokenizer.encode("\nand <answer> rome </answer>", add_special_tokens=False)
    assert stops.length([*ids, *more]) == stops.length(ids) == len(ids)
    assert stops.length(ids[:-1]) == len(ids) - 1  # cut by its limit
    assert stops.length([5, tokenizer.eos_token_id, *ids]) == 2
