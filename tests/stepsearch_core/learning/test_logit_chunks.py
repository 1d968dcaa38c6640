from stepsearch_core.learning.logit_chunks import chunk_tokens


def test_a_chunk_of_qwen_s_vocabulary():
    """By hand: 4 bytes for each of 151,936 logits are 607,744 a token; 32 MiB hold 55, 128 MiB 220."""
    assert chunk_tokens(False, 151_936) == 55
    assert chunk_tokens(True, 151_936) == 220
    assert chunk_tokens(False, 10**9) == 1
