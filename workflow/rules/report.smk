# What a person opens and what a program reads.


rule augmentation_preview:
    input:
        units=PATHS.units,
        pixels=all_plates(PATHS.pixels),
    output:
        PATHS.augmentation_preview,
    log:
        PATHS.log("augmentation_preview"),
    benchmark:
        PATHS.benchmark("augmentation_preview")
    conda:
        environment("tensorflow")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        augmentation=CONFIG.model_dump(mode="json")["augmentation"],
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=code("augmentation_preview.py"),
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
    log:
        PATHS.log("summary"),
    benchmark:
        PATHS.benchmark("summary")
    conda:
        environment("report")
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        run=CONFIG.run,
        models=list(CONFIG.models),
        splits=list(CONFIG.splits),
        seed=CONFIG.seed,
        code=code("summary.py"),
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
        splits=[
            figure(f"splits.{name}.svg", "split", "Splits") for name in CONFIG.splits
        ],
        confusions=[
            figure(f"{name}.confusion.svg", "confusion", "Scores")
            for name in CONFIG.models
        ],
        calibrations=[
            figure(f"{name}.calibration.svg", "calibration", "Scores")
            for name in CONFIG.models
        ],
        maps=[
            figure(f"{name}.embedding.svg", "embedding", "Embeddings")
            for name in CONFIG.models
        ],
        curves=[
            figure(f"{name}.curves.svg", "curves", "Training")
            for name in filter(has_curves, CONFIG.models)
        ],
        examples=figure("examples.png", "examples", "Images"),
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    conda:
        environment("report")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        config=CONFIG.model_dump(mode="json"),
        curves=[has_curves(model) for model in CONFIG.models],
        code=code("report.py"),
    script:
        "../scripts/report.py"
