"""Models in the report."""

from moascope.report import models as report_models


def test_compounds_that_are_called_wrong_come_first(context):
    model = context.models["lite0"]
    rows = report_models.compound_rows(model.predictions, context.units)
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares)
    assert rows[0]["compound"] == "AZ841"
    assert len(rows) == 18
