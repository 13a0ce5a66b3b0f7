"""Section head, joined from the options of all types."""

import pytest
from raw_configs import model, problems

from moascope.classification.heads import registry


def test_keys_of_several_types_have_one_type_and_default():
    fields = {}
    for head in registry.HEADS:
        for key, field in head.options.model_fields.items():
            if key != "type":
                known = fields.setdefault(key, field)
                assert (known.annotation, known.default) == (field.annotation, field.default)
                assert known.metadata == field.metadata


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"C": 2.0}, "models.m.head: type 'lda' has no C. Fix: remove C, or set type to logistic "
                     "or svm"),
        ({"type": "svm", "shrinkage": "auto"}, "type 'svm' has no shrinkage. Fix: remove "
                                               "shrinkage, or set type to lda"),
        ({"type": "logistic", "gamma": 1.0}, "type 'logistic' has no gamma. Fix: remove gamma, or "
                                             "set type to svm"),
        ({"type": "mlp", "balanced": True}, "type 'mlp' has no balanced. Fix: remove balanced, or "
                                            "set type to lda or logistic or svm or gradient-"),
        ({"type": "lda", "max_depth": 2}, "type 'lda' has no max_depth"),
        ({"type": "svm", "gamma": "wide"}, "models.m.head.gamma"),
        ({"type": "gradient-boosting", "max_depth": 9}, "models.m.head.max_depth"),
        ({"type": "svm", "calibrate": "always"}, "models.m.head.calibrate"),
    ],
)  # fmt: skip
def test_options_of_another_type_of_head_are_refused(head, message):
    assert message in problems(model(head=head))


def test_all_options_that_a_head_lacks_are_named_at_once():
    text = problems(model(head={"type": "mlp", "C": 1.0, "shrinkage": 0.5}))
    assert "has no C" in text
    assert "has no shrinkage" in text
