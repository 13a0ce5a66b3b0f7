# What a person opens and what a program reads.


def devices_of(wildcards):
    """Give the notes on which device each model was computed."""
    frozen = [PATHS.feature_device.format(model=model) for model in FROZEN]
    heads = [PATHS.model_device.format(model=model) for model in [*KERAS_HEADS, *TUNED]]
    return frozen + heads


def has_curves(model):
    """Tell whether a model is trained in epochs."""
    return model in KERAS_HEADS or model in TUNED


def embedding_of(model):
    """Give the array that the embedding map of a model is drawn from, and its row names."""
    if model in TUNED:
        return PATHS.embedding.format(model=model), PATHS.predictions.format(model=model)
    return PATHS.features.format(model=model), PATHS.feature_index.format(model=model)


def figure(name, caption, category):
    """Give a figure file that also goes into `snakemake --report`."""
    return report(
        PATHS.result(f"figures/{name}"),
        caption=f"../report/{caption}.rst",
        category=category,
    )


rule augmentation_preview:
    input:
        units=PATHS.units,
        pixels=all_plates(PATHS.pixels),
    output:
        PATHS.augmentation_preview,
    params:
        augmentation=CONFIG.model_dump(mode="json")["augmentation"],
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=code("augmentation_preview.py"),
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    log:
        PATHS.log("augmentation_preview"),
    benchmark:
        PATHS.benchmark("augmentation_preview")
    conda:
        environment("tensorflow")
    script:
        "../scripts/augmentation_preview.py"


rule summary:
    input:
        inputs=PATHS.inputs,
        quality=PATHS.all_quality,
        evaluations=expand(PATHS.evaluation, model=CONFIG.models),
        audits=expand(PATHS.audit, split=CONFIG.splits),
        devices=devices_of,
    output:
        PATHS.summary,
    params:
        run=CONFIG.run,
        models=list(CONFIG.models),
        splits=list(CONFIG.splits),
        seed=CONFIG.seed,
        code=code("summary.py"),
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    log:
        PATHS.log("summary"),
    benchmark:
        PATHS.benchmark("summary")
    conda:
        environment("report")
    script:
        "../scripts/summary.py"


rule report:
    input:
        template=WORKFLOW / "report/report.html.j2",
        style=WORKFLOW / "report/report.css",
        summary=PATHS.summary,
        units=PATHS.units,
        pixels=all_plates(PATHS.pixels),
        quality=PATHS.all_quality,
        splits=expand(PATHS.split, split=CONFIG.splits),
        groups=expand(PATHS.groups, split=CONFIG.splits),
        audits=expand(PATHS.audit, split=CONFIG.splits),
        evaluations=expand(PATHS.evaluation, model=CONFIG.models),
        predictions=expand(PATHS.predictions, model=CONFIG.models),
        embeddings=[embedding_of(model)[0] for model in CONFIG.models],
        embedded=[embedding_of(model)[1] for model in CONFIG.models],
        histories=expand(PATHS.history, model=filter(has_curves, CONFIG.models)),
        augmentation=[PATHS.augmentation_preview] if CONFIG.augmentation else [],
    output:
        html=report(PATHS.report, caption="../report/report.rst", category="Report"),
        accuracy=[figure("accuracy.svg", "accuracy", "Scores")] if CONFIG.models else [],
        splits=[figure(f"splits.{name}.svg", "split", "Splits") for name in CONFIG.splits],
        confusions=[
            figure(f"{name}.confusion.svg", "confusion", "Scores") for name in CONFIG.models
        ],
        calibrations=[
            figure(f"{name}.calibration.svg", "calibration", "Scores") for name in CONFIG.models
        ],
    params:
        config=CONFIG.model_dump(mode="json"),
        curves=[has_curves(model) for model in CONFIG.models],
        figures=PATHS.result("figures"),
        code=code("report.py"),
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    conda:
        environment("report")
    script:
        "../scripts/report.py"
