import faiss
import torch

from stepsearch_core.doctor.probes import faiss_facts, import_problem, torch_facts


def test_what_torch_and_faiss_say_of_themselves():
    told = torch_facts()
    assert (told["version"], told["cuda_version"]) == (torch.__version__, torch.version.cuda)
    assert told["gpus"] == (torch.cuda.device_count() if torch.cuda.is_available() else 0)
    assert told["threads"] == torch.get_num_threads()
    told = faiss_facts()
    assert told["version"] == faiss.__version__
    assert (told["gpus"] is None) == (not hasattr(faiss, "StandardGpuResources"))


def test_what_cannot_be_imported(install):
    install("a_broken_one", "1.0", module="raise RuntimeError('two\\nlines')")
    install("a_sound_one", "1.0", module="")
    assert import_problem("a_broken_one") == "RuntimeError: two lines"
    assert import_problem("a_sound_one") == import_problem("one_that_is_not_there") == ""
