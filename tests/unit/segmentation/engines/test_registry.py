"""Methods of segmentation by name."""

from moascope.segmentation.engines.registry import METHODS


def test_keys_that_methods_name_are_their_own():
    for method in METHODS:
        named = {*method.finding_keys, *method.learning_keys, *method.keys_of_model}
        assert named <= set(method.options.model_fields), method.name
