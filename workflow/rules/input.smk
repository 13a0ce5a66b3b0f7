# From files on disk to one validated site table and one image store per plate.


if SIMULATED:

    rule simulate_plate:
        output:
            sheet=PATHS.simulated_sheet,
            truth=PATHS.simulated_truth,
        params:
            options=CONFIG.section("simulate"),
            index=lambda wildcards: PLATES.index(wildcards.plate),
            seed=CONFIG.seed,
            code=code("simulate_plate.py"),
        threads: 1
        resources:
            mem_mb=memory(1500),
            runtime=30,
        log:
            PATHS.log("simulate/{plate}"),
        benchmark:
            PATHS.benchmark("simulate/{plate}")
        conda:
            environment("imaging")
        script:
            "../scripts/simulate_plate.py"


def sheets(wildcards):
    """Give the files that describe the screen."""
    if SIMULATED:
        return {"sheets": all_plates(PATHS.simulated_sheet)}
    named = {key: getattr(CONFIG.input, key) for key in ("sheet", "moa_table", "platemap")}
    return {key: path for key, path in named.items() if path is not None}


rule sites:
    input:
        unpack(sheets),
    output:
        sites=PATHS.sites,
        plates=all_plates(PATHS.plate_sites),
        summary=PATHS.inputs,
    params:
        options=input_options(),
        plates=PLATES,
        code=code("sites.py"),
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    log:
        PATHS.log("sites"),
    benchmark:
        PATHS.benchmark("sites")
    conda:
        environment("imaging")
    script:
        "../scripts/sites.py"


rule ingest:
    input:
        sites=PATHS.plate_sites,
    output:
        store=PATHS.store,
        table=PATHS.ingested,
    params:
        channels=CHANNELS,
        options=CONFIG.section(
            "input", "axes", "on_size_mismatch", "on_bad_image", "pixel_size_um"
        ),
        code=code("ingest.py"),
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=120,
    log:
        PATHS.log("ingest/{plate}"),
    benchmark:
        PATHS.benchmark("ingest/{plate}")
    conda:
        environment("imaging")
    script:
        "../scripts/ingest.py"


rule quality:
    input:
        store=PATHS.store,
    output:
        PATHS.quality,
    params:
        options=CONFIG.section(
            "quality", "focus_z", "max_saturated", "min_foreground", "intensity_z"
        ),
        code=code("quality.py"),
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    log:
        PATHS.log("quality/{plate}"),
    benchmark:
        PATHS.benchmark("quality/{plate}")
    conda:
        environment("imaging")
    script:
        "../scripts/quality.py"
