# Finding cells or nuclei: known objects, engines, their scores, and what is measured with one.


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
            split_merged=CONFIG.segmentation.split_merged,
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
            split_merged=CONFIG.segmentation.split_merged,
            ignore_label=CONFIG.segmentation.ignore_label,
            binary_masks=CONFIG.segmentation.binary_masks,
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            size_rule=CONFIG.input.on_size_mismatch,
            channels=ENGINES.seen_channels,
            code=CODE["segmentation/annotate_sites.py"],
        script:
            "../scripts/segmentation/annotate_sites.py"


rule train_unet:
    input:
        unpack(ENGINES.start_of),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.unet_network,
        history=PATHS.unet_history,
        device=PATHS.unet_device,
    log:
        PATHS.log("segmentation/{engine}.{member}"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{member}")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("unet")),
        member=r"\d+",
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=ENGINES.learning_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        checkpoint=PATHS.unet_checkpoint,
        seed=ENGINES.seed_of_member,
        code=CODE["segmentation/train_unet.py"],
    script:
        "../scripts/segmentation/train_unet.py"


# A rule of its own, so that editing how the network predicts does not train it anew.
rule tune_unet:
    input:
        networks=ENGINES.members_of(PATHS.unet_network),
        histories=ENGINES.members_of(PATHS.unet_history),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.unet,
        history=PATHS.engine_history,
    log:
        PATHS.log("segmentation/{engine}.tuned"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.tuned")
    wildcard_constraints:
        engine=match_names(ENGINES.trained_by("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.engine_tuning_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/tune_unet.py"],
    script:
        "../scripts/segmentation/tune_unet.py"


rule tune_given_unet:
    input:
        unpack(ENGINES.model_to_tune),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.unet,
    log:
        PATHS.log("segmentation/{engine}.tuned"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.tuned")
    wildcard_constraints:
        engine=match_names(ENGINES.tuned_by("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.engine_tuning_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/tune_unet.py"],
    script:
        "../scripts/segmentation/tune_unet.py"


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


rule train_stardist:
    input:
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.stardist,
        history=PATHS.engine_history,
        device=PATHS.engine_device,
    log:
        PATHS.log("segmentation/{engine}"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}")
    wildcard_constraints:
        engine=match_names(ENGINES.trained_by("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=ENGINES.learning_options,
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=CODE["segmentation/train_stardist.py"],
    script:
        "../scripts/segmentation/train_stardist.py"


rule tune_given_stardist:
    input:
        unpack(ENGINES.model_to_tune),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.stardist,
    log:
        PATHS.log("segmentation/{engine}.tuned"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.tuned")
    wildcard_constraints:
        engine=match_names(ENGINES.tuned_by("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.given_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/tune_given_stardist.py"],
    script:
        "../scripts/segmentation/tune_given_stardist.py"


rule tune_classical:
    input:
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        PATHS.classical,
    log:
        PATHS.log("segmentation/{engine}"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("classical")),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=ENGINES.engine_tuning_options,
        code=CODE["segmentation/tune_classical.py"],
    script:
        "../scripts/segmentation/tune_classical.py"


rule measure_size_unet:
    input:
        unpack(ENGINES.sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("unet")),
        images="screen|annotated",
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.options_of,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/segment_unet.py"],
    script:
        "../scripts/segmentation/segment_unet.py"


rule measure_size_classical:
    input:
        unpack(ENGINES.sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("classical")),
        images="screen|annotated",
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=ENGINES.options_of,
        channels=ENGINES.seen_channels,
        code=CODE["segmentation/segment_classical.py"],
    script:
        "../scripts/segmentation/segment_classical.py"


rule measure_size_stardist:
    input:
        unpack(ENGINES.sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("stardist")),
        images="screen|annotated",
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.given_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/segment_stardist.py"],
    script:
        "../scripts/segmentation/segment_stardist.py"


rule segment_test_unet:
    input:
        unpack(ENGINES.test_model),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        labels=PATHS.test_labels,
        times=PATHS.test_times,
        device=PATHS.test_device,
    log:
        PATHS.log("segmentation/{engine}.test"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.test")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.test_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/segment_unet.py"],
    script:
        "../scripts/segmentation/segment_unet.py"


rule segment_test_classical:
    input:
        unpack(ENGINES.test_model),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        labels=PATHS.test_labels,
        times=PATHS.test_times,
    log:
        PATHS.log("segmentation/{engine}.test"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.test")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("classical")),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=ENGINES.test_options,
        channels=ENGINES.seen_channels,
        code=CODE["segmentation/segment_classical.py"],
    script:
        "../scripts/segmentation/segment_classical.py"


rule segment_test_stardist:
    input:
        unpack(ENGINES.test_model),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        labels=PATHS.test_labels,
        times=PATHS.test_times,
        device=PATHS.test_device,
    log:
        PATHS.log("segmentation/{engine}.test"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.test")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.test_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/segment_stardist.py"],
    script:
        "../scripts/segmentation/segment_stardist.py"


rule segment_test_cellpose:
    input:
        unpack(ENGINES.test_model),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        labels=PATHS.test_labels,
        times=PATHS.test_times,
        device=PATHS.test_device,
    log:
        PATHS.log("segmentation/{engine}.test"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.test")
    wildcard_constraints:
        engine=match_names(ENGINES.of_method("cellpose")),
    conda:
        environment("cellpose")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=gpus(),
    params:
        options=ENGINES.test_options,
        channels=ENGINES.seen_channels,
        compute=CONFIG.section("compute"),
        code=CODE["segmentation/segment_cellpose.py"],
    script:
        "../scripts/segmentation/segment_cellpose.py"


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
            environment(ENGINES.environment_of(ENGINES.measuring_method))
        threads: 2
        resources:
            mem_mb=memory(6000),
            runtime=240,
            gpu=gpus() if ENGINES.measuring_method != "classical" else 0,
        params:
            options=ENGINES.engine_options(ENGINES.measuring),
            channels=ENGINES.seen_channels,
            objects=CONFIG.segmentation.objects,
            compute=(
                CONFIG.section("compute")
                if ENGINES.measuring_method != "classical"
                else {}
            ),
            clear_border=CONFIG.segmentation.clear_border,
            code=CODE[f"segmentation/segment_{ENGINES.measuring_method}.py"],
        script:
            f"../scripts/segmentation/segment_{ENGINES.measuring_method}.py"

    # A rule of its own, so that editing what counts as a bad site finds no cells anew.
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
            method=ENGINES.measuring_method,
            options=ENGINES.engine_options(ENGINES.measuring),
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
