# From files on disk to one validated site table and one image store per plate.


if SCREEN.is_simulated:

    rule simulate_plate:
        output:
            sheet=PATHS.simulated_sheet,
            truth=PATHS.simulated_truth,
        log:
            PATHS.log("simulate/{plate}"),
        benchmark:
            PATHS.benchmark("simulate/{plate}")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(1500),
            runtime=30,
        params:
            options=CONFIG.section("simulate"),
            seed=CONFIG.seed,
            code=CODE["screen/simulate_plate.py"],
        script:
            "../scripts/screen/simulate_plate.py"


rule sites:
    input:
        **SCREEN.sheets(),
    output:
        sites=PATHS.sites,
        masks=PATHS.masks,
        summary=PATHS.inputs,
    log:
        PATHS.log("sites"),
    benchmark:
        PATHS.benchmark("sites")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        options=screen_options(CONFIG),
        digest=SCREEN.digest(),
        # The images of a simulation are never damaged.
        reads_images=not SCREEN.is_simulated,
        axes=None if SCREEN.is_simulated else CONFIG.input.axes,
        code=CODE["screen/sites.py"],
    script:
        "../scripts/screen/sites.py"


# Not a part of `sites`: Snakemake goes through all inputs of a job for each of its outputs.
rule divide_sites:
    input:
        PATHS.sites,
    output:
        files=SCREEN.all_plates(PATHS.plate_files),
        roles=SCREEN.all_plates(PATHS.plate_roles),
    log:
        PATHS.log("divide_sites"),
    benchmark:
        PATHS.benchmark("divide_sites")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        plates=PLATES,
        code=CODE["screen/divide_sites.py"],
    script:
        "../scripts/screen/divide_sites.py"


# After this checkpoint, Snakemake compares the rows of each plate with those of the last run. An
# edited row then reruns its plate and no other. The checkpoint has one output, since Snakemake
# looks it up for every plate. `collect_units` needs it, so that a first run makes it.
checkpoint sheet_is_read:
    input:
        # one for all: a single job writes them
        PATHS.plate_roles.format(plate=PLATES[0]),
    output:
        touch(PATHS.sheet_is_read),
    localrule: True


if not SCREEN.is_simulated:

    # Before `ingest`, so that images of different size are found in seconds.
    rule read_headers:
        input:
            after_reading(SCREEN.files_of_part),
        output:
            PATHS.headers,
        log:
            PATHS.log("sizes/{part}"),
        benchmark:
            PATHS.benchmark("sizes/{part}")
        wildcard_constraints:
            part=r"\d+",
        priority: 100
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(2000),
            runtime=120,
        params:
            channels=SCREEN.channels,
            axes=CONFIG.input.axes,
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            code=CODE["screen/read_headers.py"],
        script:
            "../scripts/screen/read_headers.py"

    # A checkpoint, since the size of all images may stay the same after an edit of the sheet.
    checkpoint check_images:
        input:
            headers=SCREEN.headers_of_parts(),
            masks=PATHS.masks,
        output:
            sizes=PATHS.image_sizes,
            target=PATHS.image_target,
        log:
            PATHS.log("check_images"),
        benchmark:
            PATHS.benchmark("check_images")
        priority: 100
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=30,
        params:
            on_size_mismatch=CONFIG.input.on_size_mismatch,
            on_bad_image=CONFIG.input.on_bad_image,
            has_plates=CONFIG.design()["has_plates"],
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            units=SCREEN.size_of_units(),
            binary_masks=SCREEN.binary_masks(),
            code=CODE["screen/check_images.py"],
        script:
            "../scripts/screen/check_images.py"


rule ingest:
    input:
        unpack(size_of_screen),
        files=of_plate(PATHS.plate_files),
    output:
        store=PATHS.store,
        table=PATHS.ingested,
    log:
        PATHS.log("ingest/{plate}"),
    benchmark:
        PATHS.benchmark("ingest/{plate}")
    conda:
        environment("imaging")
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=120,
    params:
        channels=SCREEN.channels,
        options=SCREEN.reading_options(),
        brightfield=CONFIG.section("input")["brightfield"],
        code=CODE["screen/ingest.py"],
    script:
        "../scripts/screen/ingest.py"
