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


rule refit_null:
    input:
        units=PATHS.units,
        features=features_of,
        split=of_split(PATHS.split),
        groups=of_split(PATHS.groups),
    output:
        PATHS.null,
    log:
        PATHS.log("null/{model}"),
    benchmark:
        PATHS.benchmark("null/{model}")
    wildcard_constraints:
        model=one_of(LINEAR),
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        options=head_options,
        aggregate=CONFIG.evaluation.aggregate,
        design=CONFIG.design(),
        exchanged=lambda wildcards: CONFIG.exchanged(
            CONFIG.models[wildcards.model].split
        ),
        seed=CONFIG.seed,
        code=code("refit_null.py"),
    script:
        "../scripts/refit_null.py"


rule evaluate:
    input:
        unpack(null_of),
        unpack(selection_of),
        units=PATHS.units,
        predictions=PATHS.predictions,
        baselines=of_split(PATHS.baselines),
        others=lambda wildcards: expand(
            PATHS.predictions, model=models_before(wildcards.model)
        ),
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
        held_out=held_out_by_model,
        design=CONFIG.design(),
        others=lambda wildcards: models_before(wildcards.model),
        unit=CONFIG.unit(),
        seed=CONFIG.seed,
        code=code("evaluate.py"),
    script:
        "../scripts/evaluate.py"
