# Normalized images at training resolution, in units of classification.


rule prepare:
    input:
        store=PATHS.store,
        roles=of_plate(PATHS.plate_roles),
        ingested=PATHS.ingested,
        labels=PATHS.labels if CONFIG.units.cells else [],
    output:
        pixels=PATHS.pixels,
        units=PATHS.plate_units,
        statistics=PATHS.statistics,
        quality=PATHS.quality,
    log:
        PATHS.log("prepare/{plate}"),
    benchmark:
        PATHS.benchmark("prepare/{plate}")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        brightfield=CONFIG.section("input")["brightfield"],
        quality=SCREEN.flagging_options(),
        normalization=CONFIG.section("normalization"),
        units=CONFIG.section("units"),
        seed=CONFIG.seed if CONFIG.units.cells else 0,
        code=CODE["preprocessing/prepare.py"],
    script:
        "../scripts/preprocessing/prepare.py"


rule collect_units:
    input:
        sites=PATHS.sites,
        read=ancient(PATHS.sheet_is_read),
        quality=SCREEN.all_plates(PATHS.quality),
        units=SCREEN.all_plates(PATHS.plate_units),
        statistics=SCREEN.all_plates(PATHS.statistics),
    output:
        units=PATHS.units,
        quality=PATHS.all_quality,
        statistics=PATHS.all_statistics,
    log:
        PATHS.log("collect_units"),
    benchmark:
        PATHS.benchmark("collect_units")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        code=CODE["preprocessing/collect_units.py"],
    script:
        "../scripts/preprocessing/collect_units.py"


rule review_quality:
    input:
        sites=PATHS.sites,
        quality=PATHS.all_quality,
        units=PATHS.units,
    output:
        PATHS.quality_review,
    log:
        PATHS.log("review_quality"),
    benchmark:
        PATHS.benchmark("review_quality")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        channels=SCREEN.channels,
        options=CONFIG.section(
            "quality",
            "max_saturated",
            "min_sharpness",
            "min_sharpness_brightfield",
            "plate_z",
            "exclude_flagged",
            "exclude_flagged_plates",
        ),
        brightfield=CONFIG.section("input")["brightfield"],
        has_plates=CONFIG.design()["has_plates"],
        include_controls=SPLITS.include_controls(),
        seed=CONFIG.seed,
        code=CODE["preprocessing/review_quality.py"],
    script:
        "../scripts/preprocessing/review_quality.py"
