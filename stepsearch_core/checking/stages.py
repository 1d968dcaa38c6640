"""The stages that are looked at before they run, in their order: a stage that is done read its inputs
already.
"""

STAGES = ("fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate")
