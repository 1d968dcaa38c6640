from stepsearch_core.runtime.software import PACKAGES, versions


def test_versions_name_what_is_installed_and_nothing_else():
    assert {"python", "torch", "transformers"} <= versions().keys() <= {"python", *PACKAGES}
