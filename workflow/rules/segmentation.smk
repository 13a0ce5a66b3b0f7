# Segmentation of cells or nuclei: reference masks, engines, their scores, and what is measured with one.


if ENGINES.has_annotated:

    rule annotate_images:
        input:
            **ENGINES.annotated_sheets(),
        output:
            images=PATHS.annotated,
            table=PATHS.annotated_table,
        log:
            PATHS.log("segmentation/annotated"),
        benchmark:
            PATHS.benchmark("segmentation/annotated")
        conda:
            environment("imaging")
        threads: 2
        resources:
            mem_mb=memory(4000),
            runtime=240,
        params:
            options=CONFIG.section("segmentation")["annotated"],
            needed=CONFIG.segmentation.needed_sets(),
            split_disconnected=CONFIG.segmentation.split_disconnected,
            ignore_label=CONFIG.segmentation.ignore_label,
            binary_masks=CONFIG.segmentation.binary_masks,
            channels=ENGINES.seen_channels,
            code=CODE["segmentation/annotate_images.py"],
        script:
            "../scripts/segmentation/annotate_images.py"

elif ENGINES.has_masks:

    rule annotate_sites:
        input:
            unpack(after_reading(ENGINES.files_of_annotated_plates)),
            read=ancient(PATHS.sheet_is_read),
        output:
            images=PATHS.annotated,
            table=PATHS.annotated_table,
        log:
            PATHS.log("segmentation/annotated"),
        benchmark:
            PATHS.benchmark("segmentation/annotated")
        conda:
            environment("imaging")
        threads: 2
        resources:
            mem_mb=memory(4000),
            runtime=240,
        params:
            sets=ENGINES.plate_sets,
            plates=ENGINES.annotated_plates,
            per_set=CONFIG.segmentation.images_per_set,
            split_disconnected=CONFIG.segmentation.split_disconnected,
            ignore_label=CONFIG.segmentation.ignore_label,
            binary_masks=CONFIG.segmentation.binary_masks,
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            size_rule=CONFIG.input.on_size_mismatch,
            channels=ENGINES.seen_channels,
            code=CODE["segmentation/annotate_sites.py"],
        script:
            "../scripts/segmentation/annotate_sites.py"


# The rules of a method differ by its description in workflow/moascope/segmentation/engines. Names in
# lambdas and scripts are looked up late, after the last method, so METHOD must not stand there.
for METHOD in ENGINES.methods:
    if METHOD.train:

        rule:
            name:
                f"train_{METHOD.name}"
            input:
                unpack(ENGINES.start_of),
                images=PATHS.annotated,
                table=PATHS.annotated_table,
            output:
                **ENGINES.trained_files(METHOD),
            log:
                PATHS.log(f"segmentation/{ENGINES.training_wildcards(METHOD)}"),
            benchmark:
                PATHS.benchmark(f"segmentation/{ENGINES.training_wildcards(METHOD)}")
            wildcard_constraints:
                engine=match_names(ENGINES.trained_by(METHOD)),
                member=r"\d+",
            conda:
                environment(METHOD.environment)
            threads: 8
            resources:
                mem_mb=memory(8000),
                runtime=1440,
                gpu=gpus(),
            params:
                train=METHOD.train,
                sees_gpu=METHOD.sees_gpu,
                backend=METHOD.backend(CONFIG.compute.keras_backend),
                gpu_mode=CONFIG.compute.gpu,
                options=ENGINES.learning_options,
                training=ENGINES.training_options,
                channels=ENGINES.seen_channels,
                checkpoint=ENGINES.checkpoint_of(METHOD),
                seed=ENGINES.seed_of_member,
                code=CODE["segmentation/train.py"] + digest_function(METHOD.train),
            script:
                "../scripts/segmentation/train.py"

    # A rule of its own, so that an edit of how the network predicts does not train it again.
    if METHOD.is_ensemble:

        rule:
            name:
                f"tune_{METHOD.name}"
            input:
                networks=ENGINES.members_of(PATHS.member_network),
                histories=ENGINES.members_of(PATHS.member_history),
                images=PATHS.annotated,
                table=PATHS.annotated_table,
            output:
                model=ENGINES.fitted_path(METHOD),
                history=PATHS.engine_history,
            log:
                PATHS.log("segmentation/{engine}.tuned"),
            benchmark:
                PATHS.benchmark("segmentation/{engine}.tuned")
            wildcard_constraints:
                engine=match_names(ENGINES.trained_by(METHOD)),
            conda:
                environment(METHOD.environment)
            threads: 8
            resources:
                mem_mb=memory(METHOD.memory_mb),
                runtime=240,
                gpu=gpus(),
            params:
                tune=METHOD.tune,
                sees_gpu=METHOD.sees_gpu,
                backend=METHOD.backend(CONFIG.compute.keras_backend),
                gpu_mode=CONFIG.compute.gpu,
                options=ENGINES.tuning_options,
                channels=ENGINES.seen_channels,
                code=CODE["segmentation/tune.py"] + digest_function(METHOD.tune),
            script:
                "../scripts/segmentation/tune.py"

    if METHOD.tune:

        rule:
            name:
                f"tune_given_{METHOD.name}" if METHOD.train else f"tune_{METHOD.name}"
            input:
                unpack(ENGINES.model_to_tune),
                images=PATHS.annotated,
                table=PATHS.annotated_table,
            output:
                model=ENGINES.fitted_path(METHOD),
            log:
                PATHS.log("segmentation/{engine}.tuned"),
            benchmark:
                PATHS.benchmark("segmentation/{engine}.tuned")
            wildcard_constraints:
                engine=match_names(ENGINES.tuned_by(METHOD)),
            conda:
                environment(METHOD.environment)
            threads: 8 if METHOD.is_network() else 1
            resources:
                mem_mb=memory(8000 if METHOD.is_network() else METHOD.memory_mb),
                runtime=240,
                gpu=gpus() if METHOD.is_network() else 0,
            params:
                tune=METHOD.tune,
                sees_gpu=METHOD.sees_gpu,
                backend=METHOD.backend(CONFIG.compute.keras_backend),
                gpu_mode=CONFIG.compute.gpu,
                options=ENGINES.tuning_options,
                channels=ENGINES.seen_channels,
                code=CODE["segmentation/tune.py"] + digest_function(METHOD.tune),
            script:
                "../scripts/segmentation/tune.py"

    if METHOD.measure:

        rule:
            name:
                f"measure_size_{METHOD.name}"
            input:
                unpack(ENGINES.sample_of_size),
            output:
                measured=PATHS.engine_size,
            log:
                PATHS.log("segmentation/{engine}.{images}.size"),
            benchmark:
                PATHS.benchmark("segmentation/{engine}.{images}.size")
            wildcard_constraints:
                engine=match_names(ENGINES.of_method(METHOD)),
                images="screen|annotated",
            conda:
                environment(METHOD.environment)
            threads: 8 if METHOD.is_network() else 1
            resources:
                mem_mb=memory(METHOD.memory_mb),
                runtime=240,
                gpu=gpus() if METHOD.is_network() else 0,
            params:
                measure=METHOD.measure,
                sees_gpu=METHOD.sees_gpu,
                backend=METHOD.backend(CONFIG.compute.keras_backend),
                gpu_mode=CONFIG.compute.gpu,
                options=ENGINES.given_options,
                channels=ENGINES.seen_channels,
                code=CODE["segmentation/measure_size.py"]
                + digest_function(METHOD.measure),
            script:
                "../scripts/segmentation/measure_size.py"

    rule:
        name:
            f"segment_test_{METHOD.name}"
        input:
            unpack(ENGINES.test_model),
            images=PATHS.annotated,
            table=PATHS.annotated_table,
        output:
            **ENGINES.test_files(METHOD),
        log:
            PATHS.log("segmentation/{engine}.test"),
        benchmark:
            PATHS.benchmark("segmentation/{engine}.test")
        wildcard_constraints:
            engine=match_names(ENGINES.of_method(METHOD)),
        conda:
            environment(METHOD.environment)
        threads: 8 if METHOD.is_network() else 1
        resources:
            mem_mb=memory(METHOD.memory_mb),
            runtime=240,
            gpu=gpus() if METHOD.is_network() else 0,
        params:
            load=METHOD.load,
            sees_gpu=METHOD.sees_gpu,
            backend=METHOD.backend(CONFIG.compute.keras_backend),
            gpu_mode=CONFIG.compute.gpu,
            options=ENGINES.test_options,
            channels=ENGINES.seen_channels,
            code=CODE["segmentation/segment.py"] + digest_function(METHOD.load),
        script:
            "../scripts/segmentation/segment.py"


rule export_unet:
    input:
        unpack(ENGINES.model_of),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        PATHS.exported,
    log:
        PATHS.log("segmentation/{engine}.export"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.export")
    wildcard_constraints:
        engine=match_names(ENGINES.exported),
    conda:
        environment("export")
    threads: 2
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        channels=ENGINES.seen_channels,
        channel_map=ENGINES.channel_map_of,
        objects=CONFIG.segmentation.objects,
        code=CODE["segmentation/export_unet.py"],
    script:
        "../scripts/segmentation/export_unet.py"


rule score_engine:
    input:
        images=PATHS.annotated,
        table=PATHS.annotated_table,
        labels=PATHS.test_labels,
        times=PATHS.test_times,
    output:
        scores=PATHS.engine_scores,
        by_image=PATHS.engine_by_image,
    log:
        PATHS.log("segmentation/{engine}.scores"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.scores")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=120,
    params:
        code=CODE["segmentation/score_engine.py"],
    script:
        "../scripts/segmentation/score_engine.py"


if ENGINES.finds_cells:

    rule segment_plate:
        input:
            **ENGINES.model_of_screen(),
            store=of_plate(PATHS.store),
            ingested=PATHS.ingested,
        output:
            labels=PATHS.labels,
        log:
            PATHS.log("labels/{plate}"),
        benchmark:
            PATHS.benchmark("labels/{plate}")
        conda:
            environment(ENGINES.measuring_method.environment)
        threads: 2
        resources:
            mem_mb=memory(6000),
            runtime=240,
            gpu=gpus() if ENGINES.measuring_method.is_network() else 0,
        params:
            load=ENGINES.measuring_method.load,
            sees_gpu=ENGINES.measuring_method.sees_gpu,
            backend=ENGINES.measuring_method.backend(CONFIG.compute.keras_backend),
            gpu_mode=CONFIG.compute.gpu,
            options=ENGINES.options_to_measure_with(),
            channels=ENGINES.seen_channels,
            objects=CONFIG.segmentation.objects,
            clear_border=CONFIG.segmentation.clear_border,
            code=CODE["segmentation/segment.py"]
            + digest_function(ENGINES.measuring_method.load),
        script:
            "../scripts/segmentation/segment.py"

    # A rule of its own, so that an edit of what counts as a bad site does not segment again.
    rule measure_cells:
        input:
            store=of_plate(PATHS.store),
            ingested=of_plate(PATHS.ingested),
            labels=of_plate(PATHS.labels),
        output:
            PATHS.plate_cells,
        log:
            PATHS.log("cells/{plate}"),
        benchmark:
            PATHS.benchmark("cells/{plate}")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=240,
        params:
            quality=SCREEN.flagging_options(),
            objects=CONFIG.segmentation.objects,
            code=CODE["profiling/measure_cells.py"],
        script:
            "../scripts/profiling/measure_cells.py"

    rule label_plate:
        input:
            store=PATHS.store,
            labels=PATHS.labels,
        output:
            PATHS.labelled,
        log:
            PATHS.log("labelled_plates/{plate}"),
        benchmark:
            PATHS.benchmark("labelled_plates/{plate}")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=60,
        params:
            code=CODE["segmentation/label_plate.py"],
        script:
            "../scripts/segmentation/label_plate.py"

    rule collect_cells:
        input:
            **ENGINES.model_of_screen(),
            sites=PATHS.sites,
            quality=PATHS.all_quality,
            cells=SCREEN.all_plates(PATHS.plate_cells),
        output:
            counts=PATHS.cell_counts,
            doubts=PATHS.cell_doubts,
        log:
            PATHS.log("cells"),
        benchmark:
            PATHS.benchmark("cells")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=60,
        params:
            engine=ENGINES.measuring,
            diameter=ENGINES.told_diameter(),
            model=ENGINES.model_to_measure_with(),
            advice=ENGINES.size_advice(),
            usual_diameter=ENGINES.measuring_method.usual_diameter,
            objects=CONFIG.segmentation.objects,
            code=CODE["profiling/collect_cells.py"],
        script:
            "../scripts/profiling/collect_cells.py"

    rule sample_sites:
        input:
            counts=PATHS.cell_counts,
            quality=PATHS.all_quality,
            stores=expand(PATHS.store, plate=ENGINES.shown_plates),
            labels=expand(PATHS.labels, plate=ENGINES.shown_plates),
        output:
            pictures=PATHS.site_samples,
            table=PATHS.site_sample_table,
        log:
            PATHS.log("site_samples"),
        benchmark:
            PATHS.benchmark("site_samples")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(2000),
            runtime=60,
        params:
            plates=ENGINES.shown_plates,
            channel=ENGINES.seen_channels[0],
            objects=CONFIG.segmentation.objects,
            code=CODE["segmentation/sample_sites.py"],
        script:
            "../scripts/segmentation/sample_sites.py"
