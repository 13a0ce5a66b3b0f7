# Report for readers, summary for programs.


rule augmentation_preview:
    input:
        units=PATHS.units,
        pixels=SCREEN.all_plates(PATHS.pixels),
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
        augmentation=MODELS.augmentation(),
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=CODE["classification/augmentation_preview.py"],
    script:
        "../scripts/classification/augmentation_preview.py"


rule summary:
    input:
        **RESULTS.screen_summary(),
        segmentations=expand(PATHS.engine_scores, engine=ENGINES.scored),
        histories=expand(PATHS.engine_history, engine=ENGINES.trained),
        devices=RESULTS.devices(),
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
        models=RESULTS.evaluated,
        splits=list(CONFIG.splits),
        engines=ENGINES.scored,
        training=ENGINES.all_training_options(),
        cells={"name": CONFIG.segmentation.objects, "engine": ENGINES.measuring},
        words=(
            CONFIG.section("input", "format", "label_name")
            if SCREEN.has_screen
            else None
        ),
        seed=CONFIG.seed,
        code=CODE["report/summary.py"],
    script:
        "../scripts/report/summary.py"


rule report:
    input:
        **RESULTS.screen_report(),
        **RESULTS.segmentation_report(),
        template=WORKFLOW / "report/report.html.j2",
        style=WORKFLOW / "report/report.css",
        summary=PATHS.summary,
    output:
        html=report(PATHS.report, caption="../report/report.rst", category="Report"),
        figures=[
            report(
                path,
                caption=f"../report/{caption}.rst",
                category=category,
            )
            for path, (caption, category) in RESULTS.figures().items()
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
        config=RESULTS.config_for_html,
        curves=[MODELS.has_curves(model) for model in CONFIG.models],
        explained=MODELS.explained,
        engines=ENGINES.scored,
        learning=[name in ENGINES.trained for name in ENGINES.scored],
        code=CODE["report/report.py"],
    script:
        "../scripts/report/report.py"
