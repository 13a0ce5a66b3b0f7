# Scores with intervals, beside the scores of simple baselines.


rule baselines:
    input:
        unpack(counts_of_cells),
        units=PATHS.units,
        described=all_plates(PATHS.plate_units),
        split=PATHS.split,
        groups=PATHS.groups,
    output:
        PATHS.baselines,
    log:
        PATHS.log("baselines/{split}"),
    benchmark:
        PATHS.benchmark("baselines/{split}")
    conda:
        environment("learning")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        names=baseline_names(),
        seed=CONFIG.seed,
        code=code("baselines.py"),
    script:
        "../scripts/baselines.py"


rule evaluate:
    input:
        units=PATHS.units,
        predictions=PATHS.predictions,
        baselines=of_split(PATHS.baselines),
    output:
        PATHS.evaluation,
    log:
        PATHS.log("evaluation/{model}"),
    benchmark:
        PATHS.benchmark("evaluation/{model}")
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=120,
    params:
        options=CONFIG.section("evaluation"),
        split=lambda wildcards: CONFIG.models[wildcards.model].split,
        unit=CONFIG.unit(),
        seed=CONFIG.seed,
        code=code("evaluate.py"),
    script:
        "../scripts/evaluate.py"
