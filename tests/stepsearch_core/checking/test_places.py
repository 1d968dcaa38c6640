from stepsearch_core.checking.places import Places


def test_the_line_of_a_key_or_of_its_section(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("profile: x\ntrain:\n  # comment\n  steps: 5\n  guard: {max_kl: 2.0}\n")
    places = Places([path], ["train.lora_rank=8"])
    assert places.place_of("profile") == f"{path}, line 1"
    assert places.place_of("train.steps") == f"{path}, line 4"
    assert places.place_of("train.guard.max_kl") == f"{path}, line 5"
    assert places.place_of("train.epochs") == f"{path}, line 2"  # a default: the section
    assert places.place_of("train.lora_rank") == "override train.lora_rank=8"
    assert places.place_of("evaluate.samples") == str(path)


def test_the_file_on_top_that_says_it(tmp_path):
    below, top = tmp_path / "below.yaml", tmp_path / "top.yaml"
    below.write_text("train:\n  steps: 5\n  lora_rank: 8\n")
    top.write_text("base: below\ntrain:\n  lora_rank: 4\n")
    places = Places([below, top])
    assert places.place_of("train.steps") == f"{below}, line 2"
    assert places.place_of("train.lora_rank") == f"{top}, line 3"
    assert places.place_of("seed") == str(top)


def test_files_that_cannot_be_read_have_no_lines(tmp_path):
    path = tmp_path / "params.yaml"
    for content in (b"\xff\xfe", b"a: [", b"a: &a {b: *a}", b"", b"- 1"):
        path.write_bytes(content)
        assert Places([path]).place_of("x.y") == str(path)
    assert Places([tmp_path / "none.yaml"]).place_of("x") == str(tmp_path / "none.yaml")
