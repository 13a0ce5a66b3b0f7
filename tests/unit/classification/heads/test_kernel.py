"""Kernel expansions of support vector machines."""

import numpy as np
from blobs import moons

from moascope.classification.heads import fitting, kernel
from moascope.classification.heads.kinds.svm import SvmOptions

SVM = SvmOptions()


def test_an_svm_learns_from_a_sample_of_very_many_units_and_says_so(monkeypatch, caplog):
    features, labels, _ = moons(n_units=480)
    monkeypatch.setattr(kernel, "MOST_ROWS", 100)
    head = fitting.fit_head(features, labels, SVM)
    assert len(head.support) <= 100
    assert (
        "svm: fitted to 100 of 480 training units, sampled evenly from all classes" in caplog.text
    )
    called = np.asarray(head.classes)[head.logits(features).argmax(axis=1)]
    assert (called == labels).mean() > 0.9
