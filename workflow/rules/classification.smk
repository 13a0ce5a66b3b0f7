# Classifiers: frozen features with a head, or networks trained fold by fold.


rule check_models:
    input:
        sites=[] if MODELS.image_shape() else PATHS.sites,
        target=PATHS.image_target if MODELS.needs_target_size() else [],
        weights=list(MODELS.weights.values()),
        networks=[ENGINES.engines[name].model for name in ENGINES.checked],
    output:
        PATHS.models_checked,
    log:
        PATHS.log("check_models"),
    benchmark:
        PATHS.benchmark("check_models")
    # A misspelled layer or a missing GPU stops the run before images are read. No other rule needs
    # the result, since images do not change with the models.
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
        models=MODELS.all_network_options(),
        channels=SCREEN.channels,
        engine_channels=ENGINES.seen_channels,
        engines=ENGINES.checks(),
        image_shape=MODELS.image_shape(),
        reading=CONFIG.section("input", "axes", "on_size_mismatch"),
        units=CONFIG.section("units", "size", "tiles"),
        augmentation=MODELS.augmentation(),
        compute=CONFIG.section("compute"),
        code=CODE["classification/check_models.py"]
        + "".join(map(digest_function, ENGINES.functions_of_checks())),
    script:
        "../scripts/classification/check_models.py"


rule features:
    input:
        unpack(MODELS.weights_of),
        units=SCREEN.all_plates(PATHS.plate_units),
        pixels=SCREEN.all_plates(PATHS.pixels),
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
        model=match_names(MODELS.passes),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=720,
        gpu=gpus(),
    params:
        options=MODELS.feature_options,
        channels=SCREEN.channels,
        compute=CONFIG.section("compute"),
        seed=MODELS.seed_of_weights,
        code=CODE["classification/features.py"],
    script:
        "../scripts/classification/features.py"


rule join_features:
    input:
        features=MODELS.of_pass(PATHS.features),
        units=SCREEN.all_plates(PATHS.plate_units),
    output:
        PATHS.joined_features,
    log:
        PATHS.log("features/{model}.joined"),
    benchmark:
        PATHS.benchmark("features/{model}.joined")
    wildcard_constraints:
        model=match_names(MODELS.joined),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        code=CODE["classification/join_features.py"],
    script:
        "../scripts/classification/join_features.py"


rule fit_head:
    input:
        units=PATHS.units,
        features=MODELS.features_of,
        split=MODELS.of_split(PATHS.split),
        groups=MODELS.of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=match_names(MODELS.plain_heads),
    conda:
        environment("learning")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        head=MODELS.head_options,
        split=MODELS.split_of_model,
        seed=CONFIG.seed,
        code=CODE["classification/fit_head.py"],
    script:
        "../scripts/classification/fit_head.py"


rule select_head:
    input:
        units=PATHS.units,
        features=MODELS.features_of,
        columns=MODELS.of_pass(PATHS.feature_columns),
        split=MODELS.of_split(PATHS.split),
        groups=MODELS.of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
        selection=PATHS.selection,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=match_names(MODELS.nested),
    conda:
        environment("learning")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=720,
    params:
        candidates=MODELS.choices_of,
        split=MODELS.split_of_model,
        seed=CONFIG.seed,
        code=CODE["classification/select_head.py"],
    script:
        "../scripts/classification/select_head.py"


rule fit_keras_head:
    input:
        units=PATHS.units,
        features=MODELS.features_of,
        split=MODELS.of_split(PATHS.split),
        groups=MODELS.of_split(PATHS.groups),
    output:
        predictions=PATHS.predictions,
        history=PATHS.history,
        device=PATHS.model_device,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=match_names(MODELS.keras_heads),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=720,
        gpu=gpus(),
    params:
        head=MODELS.head_options,
        training=MODELS.head_training,
        compute=CONFIG.section("compute"),
        checkpoint=MODELS.checkpoints_of_folds,
        tensorboard=MODELS.tensorboard_of_folds,
        seed=CONFIG.seed,
        code=CODE["classification/fit_keras_head.py"],
    script:
        "../scripts/classification/fit_keras_head.py"


rule final_model:
    input:
        unpack(MODELS.weights_of),
        units=PATHS.units,
        pixels=PATHS.pixels.format(plate=PLATES[0]),
        features=MODELS.features_of,
        columns=MODELS.of_pass(PATHS.feature_columns),
        statistics=PATHS.all_statistics,
        groups=MODELS.of_split(PATHS.groups),
    output:
        PATHS.model,
    log:
        PATHS.log("models/{model}.final"),
    benchmark:
        PATHS.benchmark("models/{model}.final")
    wildcard_constraints:
        model=match_names(MODELS.frozen),
    conda:
        environment("tensorflow")
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        network=MODELS.network_of_final_model,
        training=MODELS.head_training,
        candidates=MODELS.choices_of,
        split=MODELS.split_of_model,
        channels=SCREEN.channels,
        normalization=CONFIG.section("normalization"),
        compute=CONFIG.section("compute"),
        unit_size=CONFIG.units.size,
        seed=CONFIG.seed,
        weights_seed=MODELS.seed_of_weights,
        code=CODE["classification/final_model.py"],
    script:
        "../scripts/classification/final_model.py"


rule train_fold:
    input:
        unpack(MODELS.weights_of),
        units=PATHS.units,
        pixels=SCREEN.all_plates(PATHS.pixels),
        statistics=PATHS.all_statistics,
        split=MODELS.of_split(PATHS.split),
        groups=MODELS.of_split(PATHS.groups),
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
        model=match_names(MODELS.tuned),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(12000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=MODELS.tuning_options,
        augmentation=MODELS.augmentation_of,
        channels=SCREEN.channels,
        normalization=CONFIG.section("normalization"),
        compute=CONFIG.section("compute"),
        unit_size=CONFIG.units.size,
        checkpoint=PATHS.fold_checkpoint,
        tensorboard=PATHS.tensorboard("{model}/{fold}"),
        seed=CONFIG.seed,
        code=CODE["classification/train_fold.py"],
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
        model=match_names(MODELS.tuned),
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        code=CODE["classification/collect_folds.py"],
    script:
        "../scripts/classification/collect_folds.py"


rule ensemble:
    input:
        predictions=MODELS.predictions_of_members,
    output:
        predictions=PATHS.predictions,
    log:
        PATHS.log("models/{model}"),
    benchmark:
        PATHS.benchmark("models/{model}")
    wildcard_constraints:
        model=match_names(CONFIG.ensembles),
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        options=MODELS.ensemble_options,
        code=CODE["classification/ensemble.py"],
    script:
        "../scripts/classification/ensemble.py"


rule final_network:
    input:
        unpack(MODELS.weights_of),
        units=PATHS.units,
        pixels=SCREEN.all_plates(PATHS.pixels),
        statistics=PATHS.all_statistics,
        groups=MODELS.of_split(PATHS.groups),
        history=PATHS.history,
    output:
        PATHS.model,
    log:
        PATHS.log("models/{model}.final"),
    benchmark:
        PATHS.benchmark("models/{model}.final")
    wildcard_constraints:
        model=match_names(MODELS.tuned),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(12000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=MODELS.tuning_options,
        augmentation=MODELS.augmentation_of,
        channels=SCREEN.channels,
        normalization=CONFIG.section("normalization"),
        compute=CONFIG.section("compute"),
        unit_size=CONFIG.units.size,
        checkpoint=PATHS.final_checkpoint,
        tensorboard=PATHS.tensorboard("{model}/final"),
        seed=CONFIG.seed,
        code=CODE["classification/final_network.py"],
    script:
        "../scripts/classification/final_network.py"


rule baselines:
    input:
        **MODELS.cell_counts(),
        units=PATHS.units,
        described=SCREEN.all_plates(PATHS.plate_units),
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
        names=MODELS.baseline_names(),
        seed=CONFIG.seed,
        code=CODE["classification/baselines.py"],
    script:
        "../scripts/classification/baselines.py"


rule refit_null:
    input:
        units=PATHS.units,
        features=MODELS.features_of,
        split=MODELS.of_split(PATHS.split),
        groups=MODELS.of_split(PATHS.groups),
    output:
        PATHS.null,
    log:
        PATHS.log("null/{model}"),
    benchmark:
        PATHS.benchmark("null/{model}")
    wildcard_constraints:
        model=match_names(MODELS.linear),
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        head=MODELS.head_options,
        aggregate=CONFIG.evaluation.aggregate,
        design=CONFIG.design(),
        exchanged=MODELS.exchanged,
        seed=CONFIG.seed,
        code=CODE["classification/refit_null.py"],
    script:
        "../scripts/classification/refit_null.py"


rule explain:
    input:
        units=PATHS.units,
        pixels=SCREEN.all_plates(PATHS.pixels),
        predictions=PATHS.predictions,
        networks=explained_networks,
    output:
        maps=PATHS.explanation,
        scores=PATHS.explanation_scores,
    log:
        PATHS.log("explain/{model}"),
    benchmark:
        PATHS.benchmark("explain/{model}")
    wildcard_constraints:
        model=match_names(MODELS.explained),
    conda:
        environment("tensorflow")
    threads: 4
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=gpus(),
    params:
        options=MODELS.explanation_options,
        methods=MODELS.explanation_methods,
        has_folds=lambda wildcards: wildcards.model in MODELS.tuned,
        channels=SCREEN.channels,
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=CODE["classification/explain.py"],
    script:
        "../scripts/classification/explain.py"


rule evaluate:
    input:
        unpack(MODELS.null_of),
        unpack(MODELS.selection_of),
        units=PATHS.units,
        predictions=PATHS.predictions,
        baselines=MODELS.of_split(PATHS.baselines),
        others=MODELS.predictions_of_others,
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
        split=MODELS.split_name,
        held_out=MODELS.held_out_by_model,
        design=CONFIG.design(),
        others=MODELS.others,
        unit=CONFIG.unit(),
        seed=CONFIG.seed,
        code=CODE["classification/evaluate.py"],
    script:
        "../scripts/classification/evaluate.py"
