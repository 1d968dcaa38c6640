import pytest

from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl
from tests.stepsearch_core.checking.conftest import FITS


def test_answers_that_words_cannot_write(look, files):
    seen = look(*files(answer="U.S. Army", answer_aliases=[]))
    assert seen.status == 1  # the warm start would stop
    (line,) = [line for line in seen.findings if "tokenizer.kind" in line]
    assert line.startswith("error: ")
    assert (
        "'word' cannot write any accepted answer of 40 of 40 training questions (100.0%), 'U.S. Army'"
        " for one" in line
    )
    assert not [
        line
        for line in look(*files(answer="U.S. Army"), "tokenizer.kind=bpe").findings
        if "cannot write" in line
    ]


def test_a_few_answers_that_cannot_be_written_are_a_warning(look, files, questions):
    overrides = files(rows=60)
    rows = [{**MUSIQUE, "id": f"{n}"} for n in range(58)]
    odd = [{**MUSIQUE, "id": f"odd{n}", "answer": "U.S. Army", "answer_aliases": []} for n in range(2)]
    write_jsonl(questions / "m.jsonl", *rows, *odd)
    seen = look(*overrides)
    (line,) = [line for line in seen.findings if "cannot write" in line]
    assert (seen.status, line.partition(":")[0]) == (0, "warning")
    assert "2 of 60 training questions" in line


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 12, 100])
def test_a_vocabulary_too_small_for_the_names_of_a_world_that_is_still_to_be_made(look, size):
    seen = look(f"tokenizer.vocab_size={size}")
    assert seen.status == 1
    (line,) = [line for line in seen.findings if "cannot write" in line]
    assert line.startswith(f"error: override tokenizer.vocab_size={size}: tokenizer.vocab_size: 'word'")
    assert "names in the world" in line
    assert f"a vocabulary of more than {size}, or tokenizer.kind: bpe" in line
    assert look(f"tokenizer.vocab_size={size}", "tokenizer.kind=bpe").status == 0


def test_a_vocabulary_too_small_for_the_answers_in_files(look, files):
    (line,) = [line for line in look(*files(), "tokenizer.vocab_size=12").findings if "cannot" in line]
    assert line.startswith("error: override tokenizer.vocab_size=12: tokenizer.vocab_size: 'word'")
    assert "40 of 40 training questions" in line


def test_one_alias_that_can_be_written_is_enough(look, files):
    seen = look(*files(answer="U.S. Army", answer_aliases=["US Army"]))
    assert not [line for line in seen.findings if "cannot write" in line]


def test_a_template_that_is_not_there_fails_or_is_left_unused(look, model, edit, tmp_path):
    seen = look(f"model.source={model}", *FITS, "environment.chat_template=false")
    assert seen.status == 0
    assert (
        "note: override environment.chat_template=false: environment.chat_template: false, but"
        in seen.findings[0]
    )
    template = model / "chat_template.jinja"
    assert template.is_file()
    template.write_text("{{ raise_exception('no system turns here') }}")
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert (
        f"environment.chat_template: the tokenizer's chat template ({template}) fails for messages of user: "
        "no system turns here" in seen.findings[0]
    )
    template.unlink()
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert "environment.chat_template: the tokenizer has no chat template" in seen.findings[0]


def test_a_template_that_opens_a_thought(look, model):
    template = model / "chat_template.jinja"
    template.write_text(template.read_text().replace("assistant\n{% endif", "assistant\n<think>\n{% endif"))
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 0
    assert "the template opens <think> for the first turn" in seen.findings[0]
    seen = look(f"model.source={model}", *FITS, "environment.prompt=released")
    assert seen.status == 1
    assert (
        "environment.prompt: the chat template opens '<think>', which the style 'released' lacks"
        in seen.findings[0]
    )


def test_a_template_that_writes_the_date_is_said(look, model):
    template = model / "chat_template.jinja"
    template.write_text("{{ strftime_now('%Y-%m-%d') }}" + template.read_text())
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 0
    (line,) = [line for line in seen.findings if "date" in line]
    assert "environment.chat_template: the template writes the day's date: every prompt has that of" in line
