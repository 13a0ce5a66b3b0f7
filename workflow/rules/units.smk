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
        steps=CONFIG.section("normalization")["steps"],
        treated_in_statistics=CONFIG.normalization.treated_wells_in_statistics,
        units=CONFIG.section("units"),
        code=code("prepare.py"),
    script:
        "../scripts/prepare.py"


rule collect_units:
    input:
        units=all_plates(PATHS.plate_units),
        statistics=all_plates(PATHS.statistics),
    output:
        units=PATHS.units,
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
        code=code("collect_units.py"),
    script:
        "../scripts/collect_units.py"
