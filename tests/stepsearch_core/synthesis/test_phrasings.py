from stepsearch_core.synthesis.phrasings import Background, PhrasingMiner
from stepsearch_core.synthesis.sub_questions import lower_words, parse_hops
from stepsearch_core.synthesis.synthesize import mine_phrasings
from stepsearch_core.worlds.relations import JOIN, RELATIONS


def test_share_counts_passages_and_is_smoothed():
    background = Background.count(["the red red mill", "a mill", "water", "stone"])
    assert background.share("red") == 2 / 5
    assert background.share("mill") == 3 / 5
    assert background.share("gold") == 1 / 5


def test_words_frequent_in_supports_and_rare_elsewhere_are_mined_best_first():
    miner = PhrasingMiner()
    texts = [f"Book{i} was penned by Writer{i}" for i in range(6)] + [
        f"Book{i} sprang from Writer{i}" for i in range(6, 10)
    ]
    for i, text in enumerate(texts):
        miner.add("author", str(i), text, (f"Book{i}", f"Writer{i}"))
    background = Background.count(texts + [f"filler {i}" for i in range(190)])
    # penned: 6 of 10 supports and 7/201 of the corpus; sprang: 4 of 10 and 5/201
    assert miner.mine(background) == {"author": ("penned", "sprang")}


def test_names_rare_words_common_words_and_numbers_are_not_mined():
    miner = PhrasingMiner()
    for i in range(10):
        text = f"Anna lives in 1930 among people {'twice' if i < 2 else ''} happily"
        miner.add("home", str(i), text, ("Anna",))
    background = Background.count(["lives"] + ["people"] * 50 + ["filler"] * 49)
    assert set(miner.mine(background)["home"]) == {"lives", "among", "happily"}


def test_a_support_counts_once_and_loses_the_names_of_all_its_steps():
    miner = PhrasingMiner()
    for _ in range(5):
        miner.add("author", "same", "Dark River was penned by Ann", ("Dark River",))
    assert miner.mine(Background.count(["filler"] * 100)) == {}


def test_the_phrasings_of_the_world_are_recovered(world):
    mined = mine_phrasings(world.questions, world.corpus)
    phrasings = {
        relation.name: {word for phrasing in relation.phrasings for word in lower_words(phrasing)}
        for relation in (*RELATIONS, JOIN)
    }
    asked = {sub.relation for question in world.questions for _, sub in parse_hops(question)}
    assert set(mined) == asked
    found = [(relation, word) for relation in mined for word in mined[relation]]
    right = sum(word in phrasings[relation] for relation, word in found)
    assert right / len(found) >= 0.9
    # Each phrasing has content words of its own; nearly all of the three of each relation are met.
    met = [
        any(word in lower_words(phrasing) for word in mined[relation.name])
        for relation in (*RELATIONS, JOIN)
        if relation.name in mined
        for phrasing in relation.phrasings
    ]
    assert sum(met) / len(met) >= 0.8
