# Report for readers, summary for programs.


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
        code=code("classification/augmentation_preview.py"),
    script:
        "../scripts/classification/augmentation_preview.py"


rule summary:
    input:
        unpack(screen_summary),
        segmentations=expand(PATHS.engine_scores, engine=SCORED),
        histories=expand(PATHS.engine_history, engine=TRAINED),
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
        engines=SCORED,
        training={name: training_options(name) for name in TRAINED},
        cells={"name": CONFIG.segmentation.objects, "engine": MEASURING_NAME},
        words=CONFIG.section("input", "format", "label_name") if SCREEN else None,
        seed=CONFIG.seed,
        code=code("report/summary.py"),
    script:
        "../scripts/report/summary.py"


rule report:
    input:
        unpack(screen_report),
        unpack(segmentation_report),
        template=WORKFLOW / "report/report.html.j2",
        style=WORKFLOW / "report/report.css",
        summary=PATHS.summary,
    output:
        html=report(PATHS.report, caption="../report/report.rst", category="Report"),
        figures=[
            figure(name, caption, category)
            for name, (caption, category) in report_figures().items()
        ],
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
        # A function, since Snakemake takes braces in text, as in "{id}", for wildcards.
        config=lambda wildcards: json_for_html(CONFIG.model_dump(mode="json")),
        curves=[has_curves(model) for model in CONFIG.models],
        engines=SCORED,
        learning=[is_trained(name) for name in SCORED],
        code=code("report/report.py"),
    script:
        "../scripts/report/report.py"
