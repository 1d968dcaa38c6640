from stepsearch_core.params import RolloutParams
from stepsearch_core.params.cards import CARDS
from stepsearch_core.planning.speed import rates


def test_every_card_has_figures_of_the_order_of_its_kind():
    """Operations a byte: from 76 of a card for players to 312 of one for data centres, none beyond 450."""
    for name, card in CARDS.items():
        assert 70 < card.tflops / card.bandwidth * 1000 < 450, name


def test_every_engine_decodes():
    engines = type(RolloutParams()).__dataclass_fields__["engine"].metadata["limit"]
    for engine in ("transformers", "vllm"):
        assert engines.allows(engine)
        assert 0 < rates("H100", engine).pass_seconds < 0.1
    assert rates("H100", "vllm").pass_seconds < rates("H100", "transformers").pass_seconds
