# Finding cells or nuclei: known objects, engines, their scores, and what is measured with one.


if CONFIG.segmentation.annotated:

    rule annotate_images:
        input:
            unpack(annotated_sheets),
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
            channels=ENGINE_CHANNELS,
            code=code("segmentation/annotate_images.py"),
        script:
            "../scripts/segmentation/annotate_images.py"

elif HAS_MASKS:

    rule annotate_sites:
        input:
            unpack(annotated_plates),
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
            sets=PLATE_SETS,
            plates=ANNOTATED_PLATES,
            per_set=CONFIG.segmentation.images_per_set,
            split_merged=CONFIG.segmentation.split_merged,
            ignore_label=CONFIG.segmentation.ignore_label,
            binary_masks=CONFIG.segmentation.binary_masks,
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            size_rule=CONFIG.input.on_size_mismatch,
            channels=ENGINE_CHANNELS,
            code=code("segmentation/annotate_sites.py"),
        script:
            "../scripts/segmentation/annotate_sites.py"


rule train_unet:
    input:
        unpack(start_of),
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
        engine=one_of(engines("unet")),
        member=r"\d+",
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=lambda wildcards: learning_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        checkpoint=PATHS.unet_checkpoint,
        seed=lambda wildcards: CONFIG.seed + int(wildcards.member),
        code=code("segmentation/train_unet.py"),
    script:
        "../scripts/segmentation/train_unet.py"


# A rule of its own, so that editing how the network predicts does not train it anew.
rule tune_unet:
    input:
        networks=members_of(PATHS.unet_network),
        histories=members_of(PATHS.unet_history),
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
        engine=one_of(trained_engines("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: engine_tuning_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/tune_unet.py"),
    script:
        "../scripts/segmentation/tune_unet.py"


rule tune_given_unet:
    input:
        unpack(model_to_tune),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.unet,
    log:
        PATHS.log("segmentation/{engine}.tuned"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.tuned")
    wildcard_constraints:
        engine=one_of(tuned_engines("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: engine_tuning_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/tune_unet.py"),
    script:
        "../scripts/segmentation/tune_unet.py"


rule export_unet:
    input:
        unpack(model_of_engine),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        PATHS.exported,
    log:
        PATHS.log("segmentation/{engine}.export"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.export")
    wildcard_constraints:
        engine=one_of(EXPORTED),
    conda:
        environment("export")
    threads: 2
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        channels=ENGINE_CHANNELS,
        channel_map=lambda wildcards: engine_options(wildcards.engine)["channel_map"],
        objects=CONFIG.segmentation.objects,
        code=code("segmentation/export_unet.py"),
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
        engine=one_of(trained_engines("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=1440,
        gpu=gpus(),
    params:
        options=lambda wildcards: learning_options(wildcards.engine),
        compute=CONFIG.section("compute"),
        seed=CONFIG.seed,
        code=code("segmentation/train_stardist.py"),
    script:
        "../scripts/segmentation/train_stardist.py"


rule tune_given_stardist:
    input:
        unpack(model_to_tune),
        images=PATHS.annotated,
        table=PATHS.annotated_table,
    output:
        model=PATHS.stardist,
    log:
        PATHS.log("segmentation/{engine}.tuned"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.tuned")
    wildcard_constraints:
        engine=one_of(tuned_engines("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: given_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/tune_given_stardist.py"),
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
        engine=one_of(engines("classical")),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=lambda wildcards: engine_tuning_options(wildcards.engine),
        code=code("segmentation/tune_classical.py"),
    script:
        "../scripts/segmentation/tune_classical.py"


rule measure_size_unet:
    input:
        unpack(sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=one_of(engines("unet")),
        images="screen|annotated",
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: engine_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/segment_unet.py"),
    script:
        "../scripts/segmentation/segment_unet.py"


rule measure_size_classical:
    input:
        unpack(sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=one_of(engines("classical")),
        images="screen|annotated",
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=lambda wildcards: engine_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        code=code("segmentation/segment_classical.py"),
    script:
        "../scripts/segmentation/segment_classical.py"


rule measure_size_stardist:
    input:
        unpack(sample_of_size),
    output:
        measured=PATHS.engine_size,
    log:
        PATHS.log("segmentation/{engine}.{images}.size"),
    benchmark:
        PATHS.benchmark("segmentation/{engine}.{images}.size")
    wildcard_constraints:
        engine=one_of(engines("stardist")),
        images="screen|annotated",
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: given_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/segment_stardist.py"),
    script:
        "../scripts/segmentation/segment_stardist.py"


rule segment_test_unet:
    input:
        unpack(test_model),
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
        engine=one_of(engines("unet")),
    conda:
        environment("tensorflow")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: test_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/segment_unet.py"),
    script:
        "../scripts/segmentation/segment_unet.py"


rule segment_test_classical:
    input:
        unpack(test_model),
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
        engine=one_of(engines("classical")),
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        options=lambda wildcards: test_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        code=code("segmentation/segment_classical.py"),
    script:
        "../scripts/segmentation/segment_classical.py"


rule segment_test_stardist:
    input:
        unpack(test_model),
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
        engine=one_of(engines("stardist")),
    conda:
        environment("stardist")
    threads: 8
    resources:
        mem_mb=memory(6000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: test_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/segment_stardist.py"),
    script:
        "../scripts/segmentation/segment_stardist.py"


rule segment_test_cellpose:
    input:
        unpack(test_model),
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
        engine=one_of(engines("cellpose")),
    conda:
        environment("cellpose")
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=gpus(),
    params:
        options=lambda wildcards: test_options(wildcards.engine),
        channels=ENGINE_CHANNELS,
        compute=CONFIG.section("compute"),
        code=code("segmentation/segment_cellpose.py"),
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
        code=code("segmentation/score_engine.py"),
    script:
        "../scripts/segmentation/score_engine.py"


if MEASURING:

    rule segment_plate:
        input:
            **fitted(MEASURING_NAME),
            **measured_size(MEASURING_NAME, "screen"),
            store=of_plate(PATHS.store),
            ingested=PATHS.ingested,
        output:
            labels=PATHS.labels,
        log:
            PATHS.log("labels/{plate}"),
        benchmark:
            PATHS.benchmark("labels/{plate}")
        conda:
            environment(ENGINE_ENVIRONMENTS[MEASURING.method])
        threads: 2
        resources:
            mem_mb=memory(6000),
            runtime=240,
            gpu=gpus() if MEASURING.method != "classical" else 0,
        params:
            options=engine_options(MEASURING_NAME),
            channels=ENGINE_CHANNELS,
            objects=CONFIG.segmentation.objects,
            compute=CONFIG.section("compute") if MEASURING.method != "classical" else {},
            clear_border=CONFIG.segmentation.clear_border,
            code=code(f"segmentation/segment_{MEASURING.method}.py"),
        script:
            f"../scripts/segmentation/segment_{MEASURING.method}.py"

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
            quality=FLAGGING,
            objects=CONFIG.segmentation.objects,
            code=code("profiling/measure_cells.py"),
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
            code=code("segmentation/label_plate.py"),
        script:
            "../scripts/segmentation/label_plate.py"

    rule collect_cells:
        input:
            **fitted(MEASURING_NAME),
            **measured_size(MEASURING_NAME, "screen"),
            sites=PATHS.sites,
            quality=PATHS.all_quality,
            cells=all_plates(PATHS.plate_cells),
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
            engine=MEASURING_NAME,
            method=MEASURING.method,
            options=engine_options(MEASURING_NAME),
            objects=CONFIG.segmentation.objects,
            code=code("profiling/collect_cells.py"),
        script:
            "../scripts/profiling/collect_cells.py"

    rule sample_sites:
        input:
            counts=PATHS.cell_counts,
            quality=PATHS.all_quality,
            stores=expand(PATHS.store, plate=SHOWN_PLATES),
            labels=expand(PATHS.labels, plate=SHOWN_PLATES),
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
            plates=SHOWN_PLATES,
            channel=ENGINE_CHANNELS[0],
            objects=CONFIG.segmentation.objects,
            code=code("segmentation/sample_sites.py"),
        script:
            "../scripts/segmentation/sample_sites.py"
