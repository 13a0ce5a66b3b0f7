"""Write what a person opens: the report, and its figures as files."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import report
from moascope.files import atomic_path

given, config = snakemake.input, snakemake.params.config
histories = iter(given.histories)
splits = {
    name: {"table": table, "groups": groups, "audit": audit}
    for name, table, groups, audit in zip(
        config["splits"], given.splits, given.groups, given.audits, strict=True
    )
}
models = {
    name: {
        "evaluation": given.evaluations[number],
        "predictions": given.predictions[number],
        "embedding": given.embeddings[number],
        "embedding_index": given.embedded[number],
        "history": next(histories) if snakemake.params.curves[number] else None,
    }
    for number, name in enumerate(config["models"])
}
context = report.load_context(
    {
        **{key: given[key] for key in ("summary", "units", "quality", "pixels")},
        "augmentation": given.augmentation[0] if given.augmentation else None,
        "splits": splits,
        "models": models,
    },
    config,
)
figures = Path(snakemake.output.html).with_name("figures")
for name, content in report.standalone_figures(context).items():
    with atomic_path(figures / name) as path:
        path.write_bytes(content)
with atomic_path(snakemake.output.html) as path:
    path.write_text(report.build(context), encoding="utf-8")
