# Normalized images at training resolution: what is classified.


rule prepare:
    input:
        store=PATHS.store,
        sites=PATHS.plate_sites,
        quality=PATHS.quality,
    output:
        pixels=PATHS.pixels,
        units=PATHS.plate_units,
        statistics=PATHS.statistics,
        baseline=PATHS.handmade,
    params:
        steps=CONFIG.section("normalization")["steps"],
        treated_in_statistics=CONFIG.normalization.treated_wells_in_statistics,
        units=CONFIG.section("units"),
        code=code("prepare.py"),
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    log:
        PATHS.log("prepare/{plate}"),
    benchmark:
        PATHS.benchmark("prepare/{plate}")
    conda:
        environment("imaging")
    script:
        "../scripts/prepare.py"


rule collect_units:
    input:
        ingested=all_plates(PATHS.ingested),
        quality=all_plates(PATHS.quality),
        units=all_plates(PATHS.plate_units),
        statistics=all_plates(PATHS.statistics),
    output:
        units=PATHS.units,
        quality=PATHS.all_quality,
        statistics=PATHS.all_statistics,
    params:
        code=code("collect_units.py"),
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    log:
        PATHS.log("collect_units"),
    benchmark:
        PATHS.benchmark("collect_units")
    conda:
        environment("imaging")
    script:
        "../scripts/collect_units.py"
