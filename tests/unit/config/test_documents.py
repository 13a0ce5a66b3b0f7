"""Schema and tables of keys, written from the options classes."""

import json

from moascope.config import documents


def test_schema_and_key_tables_are_up_to_date(repository):
    schema = json.loads((repository / "workflow/schemas/config.schema.json").read_text())
    assert schema == json.loads(json.dumps(documents.json_schema()))
    readme = (repository / "docs/reference/configuration.md").read_text()
    assert documents.key_tables() in readme, "run: uv run python -m moascope.config"
