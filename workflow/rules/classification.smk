# Classifiers: frozen features with a head, or networks trained fold by fold.


rule check_models:
    input:
        sites=[] if image_shape() else PATHS.sites,
        target=[] if image_shape() or READ_AS_THEY_ARE else PATHS.image_target,
        weights=list(WEIGHTS.values()),
        networks=[ENGINES[name].model for name in GIVEN_UNETS],
    output:
        PATHS.models_checked,
    log:
        PATHS.log("check_models"),
    benchmark:
        PATHS.benchmark("check_models")
    # A misspelled layer or a GPU that is not there stops the run at its start, not after hours of
    # reading images. Nothing depends on this rule, since images do not change with the models.
    priority: 100
    retries: 0
    conda:
        environment("tensorflow")
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=30,
        gpu=gpus() if CONFIG.compute.gpu == "required" else 0,
    params:
        models={name: network_options(name) for name in [*PASS_OF, *TUNED]},
        channels=CHANNELS,
        engine_channels=ENGINE_CHANNELS,
        given_unets={name: ENGINES[name].channel_map for name in GIVEN_UNETS},
        image_shape=image_shape(),
        reading=CONFIG.section("input", "axes", "on_size_mismatch"),
        units=CONFIG.section("units", "size", "tiles"),
        augmentation=CONFIG.model_dump(mode="json")["augmentation"],
        compute=CONFIG.section("compute"),
        code=code("classification/check_models.py"),
    script:
        "../scripts/classification/check_models.py"


rule features:
    input:
        unpack(weights_of),
        units=all_plates(PATHS.plate_units),
        pixels=all_plates(PATHS.pixels),
    output:
        features=PATHS.features,
        columns=PATHS.feature_columns,
        index=PATHS.feature_index,
        device=PATHS.feature_device,
    log:
        PATHS.log("features/{model}"),
    benchmark:
        PATHS.benchmark("features/{model}")
    wildcard_constraints:
        model=one_of(PASSES),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=720,
        gpu=gpus(),
    params:
        options=feature_options,
        channels=CHANNELS,
        compute=CONFIG.section("compute"),
        seed=seed_of_weights,
        code=code("classification/features.py"),
    script:
        "../scripts/classification/features.py"


rule join_features:
    input:
        features=pass_of(PATHS.features),
        units=all_plates(PATHS.plate_units),
    output:
        PATHS.joined_features,
    log:
        PATHS.log("features/{model}.joined"),
    benchmark:
        PATHS.benchmark("features/{model}.joined")
    wildcard_constraints:
        model=one_of(JOINED),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        code=code("classification/join_features.py"),
    script:
        "../scripts/classification/join_features.py"


rule fit_head:
    input:
        units=PATHS.units,
        features=features_of,
        split=of_split(PATHS.split),
        groups=of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=one_of(PLAIN_HEADS),
    conda:
        environment("learning")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        options=head_options,
        split=split_of_model,
        seed=CONFIG.seed,
        code=code("classification/fit_head.py"),
    script:
        "../scripts/classification/fit_head.py"


rule select_head:
    input:
        units=PATHS.units,
        features=features_of,
        columns=pass_of(PATHS.feature_columns),
        split=of_split(PATHS.split),
        groups=of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
        selection=PATHS.selection,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=one_of(NESTED),
    conda:
        environment("learning")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=720,
    params:
        candidates=choices_of,
        split=split_of_model,
        seed=CONFIG.seed,
        code=code("classification/select_head.py"),
    script:
        "../scripts/classification/select_head.py"


rule fit_keras_head:
    input:
        units=PATHS.units,
        features=features_of,
        split=of_split(PATHS.split),
        groups=of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
        history=PATHS.history,
        device=PATHS.model_device,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=one_of(KERAS_HEADS),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=720,
        gpu=gpus(),
    params:
        options=head_options,
        compute=CONFIG.section("compute"),
        checkpoint=checkpoints_of_folds,
        seed=CONFIG.seed,
        code=code("classification/fit_keras_head.py"),
    script:
        "../scripts/classification/fit_keras_head.py"


rule final_model:
    input:
        unpack(weights_of),
        units=PATHS.units,
        pixels=PATHS.pixels.format(plate=PLATES[0]),
        features=features_of,
        columns=pass_of(PATHS.feature_columns),
        statistics=PATHS.all_statistics,
        groups=of_split(PATHS.groups),
    output:
        PATHS.model,
    log:
        PATHS.log("models/{model}.final"),
    benchmark:
        PATHS.benchmark("models/{model}.final")
    wildcard_constraints:
        model=one_of(FROZEN),
    conda:
        environment("tensorflow")
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        options=final_options,
        candidates=choices_of,
        split=split_of_model,
        channels=CHANNELS,
        normalization=CONFIG.section("normalization"),
        compute=CONFIG.section("compute"),
        unit_size=CONFIG.units.size,
        seed=CONFIG.seed,
        weights_seed=seed_of_weights,
        code=code("classification/final_model.py"),
    script:
        "../scripts/classification/final_model.py"


rule train_fold:
    input:
        unpack(weights_of),
        units=PATHS.units,
        pixels=all_plates(PATHS.pixels),
        statistics=PATHS.all_statistics,
        split=of_split(PATHS.split),
        groups=of_split(PATHS.groups),
    output:
        predictions=PATHS.fold_predictions,
        history=PATHS.fold_history,
        embedding=PATHS.fold_embedding,
        model=PATHS.fold_model,
        device=PATHS.fold_device,
    log:
        PATHS.log("models/{model}/{fold}"),
    benchmark:
        PATHS.benchmark("models/{model}/{fold}")
    wildcard_constraints:
        model=one_of(TUNED),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(12000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=tuning_options,
        augmentation=augmentation_of,
        channels=CHANNELS,
        normalization=CONFIG.section("normalization"),
        compute=CONFIG.section("compute"),
        unit_size=CONFIG.units.size,
        checkpoint=PATHS.fold_checkpoint,
        seed=CONFIG.seed,
        code=code("classification/train_fold.py"),
    script:
        "../scripts/classification/train_fold.py"


rule collect_folds:
    input:
        units=PATHS.units,
        predictions=folds_of(PATHS.fold_predictions),
        history=folds_of(PATHS.fold_history),
        embedding=folds_of(PATHS.fold_embedding),
        device=folds_of(PATHS.fold_device),
    output:
        predictions=PATHS.predictions,
        history=PATHS.history,
        embedding=PATHS.embedding,
        device=PATHS.model_device,
    log:
        PATHS.log("models/{model}.folds"),
    benchmark:
        PATHS.benchmark("models/{model}.folds")
    wildcard_constraints:
        model=one_of(TUNED),
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        code=code("classification/collect_folds.py"),
    script:
        "../scripts/classification/collect_folds.py"


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
        code=code("classification/baselines.py"),
    script:
        "../scripts/classification/baselines.py"


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
        code=code("classification/refit_null.py"),
    script:
        "../scripts/classification/refit_null.py"


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
        code=code("classification/evaluate.py"),
    script:
        "../scripts/classification/evaluate.py"
