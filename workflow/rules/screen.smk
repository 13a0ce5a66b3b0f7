# From files on disk to one validated site table and one image store per plate.


if SIMULATED:

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
            code=code("screen/simulate_plate.py"),
        script:
            "../scripts/screen/simulate_plate.py"


rule sites:
    input:
        unpack(sheets),
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
        options=screen_options(),
        digest=screen_digest(),
        # The images of a simulation are made when its plates are.
        reads_images=not SIMULATED,
        axes=None if SIMULATED else CONFIG.input.axes,
        code=code("screen/sites.py"),
    script:
        "../scripts/screen/sites.py"


# Apart from `sites`, since Snakemake goes through all inputs of a job for each of its outputs.
for number, plates_of_part in enumerate(PLATE_PARTS):

    rule:
        name:
            f"divide_sites_{number}"
        input:
            PATHS.sites,
        output:
            files=expand(PATHS.plate_files, plate=plates_of_part),
            roles=expand(PATHS.plate_roles, plate=plates_of_part),
        log:
            PATHS.log(f"divide_sites/{number}"),
        benchmark:
            PATHS.benchmark(f"divide_sites/{number}")
        conda:
            environment("imaging")
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=60,
        params:
            screen=PLATES,
            plates=plates_of_part,
            code=code("screen/divide_sites.py"),
        script:
            "../scripts/screen/divide_sites.py"


# Once this checkpoint has passed, Snakemake compares the rows of each plate with those that it was
# made from, so that an edited row reruns its plate and no other. It is a rule of its own because a
# checkpoint is looked up for every plate, and looking up one with a thousand outputs is slow. What
# is collected from all plates asks for it, so that a first run leaves it for the next one to see.
checkpoint sheet_is_read:
    input:
        # as one of a part is written, all are
        expand(PATHS.plate_roles, plate=[part[0] for part in PLATE_PARTS]),
    output:
        touch(PATHS.sheet_is_read),
    localrule: True


if not SIMULATED:

    # Apart from `ingest`, so that images of differing size are named in seconds, and all plates get
    # one size.
    rule read_headers:
        input:
            files_of_part,
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
            channels=CHANNELS,
            axes=CONFIG.input.axes,
            max_gigabytes=CONFIG.input.max_image_gigabytes,
            code=code("screen/read_headers.py"),
        script:
            "../scripts/screen/read_headers.py"

    # A checkpoint, since the size that all images get may stay as it is when a sheet is edited.
    checkpoint check_images:
        input:
            headers=expand(PATHS.headers, part=range(len(PLATE_PARTS))),
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
            units=(
                CONFIG.section("units", "size", "tiles")
                if CONFIG.models and not CONFIG.units.cells
                else None
            ),
            binary_masks=binary_masks_of_screen(),
            code=code("screen/check_images.py"),
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
        channels=CHANNELS,
        options=CONFIG.section("input", *READING),
        brightfield=CONFIG.section("input")["brightfield"],
        code=code("screen/ingest.py"),
    script:
        "../scripts/screen/ingest.py"
