# Training, validation and test sets, and the audit that nothing leaks between them.


rule check_splits:
    input:
        sites=PATHS.sites,
        files=SPLITS.fixed_lists(),
    output:
        PATHS.checked,
    log:
        PATHS.log("check_splits"),
    benchmark:
        PATHS.benchmark("check_splits")
    # An impossible split stops the run in seconds. No other rule needs the result, since images do
    # not change with the splits.
    priority: 100
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        splits=SPLITS.all_options(),
        tiles=SPLITS.tiles_per_site(),
        audits=SPLITS.checked_audit_options(),
        seed=CONFIG.seed,
        code=CODE["splits/check_splits.py"],
    script:
        "../scripts/splits/check_splits.py"


checkpoint split:
    input:
        unpack(SPLITS.fixed_list),
        units=PATHS.units,
        quality=PATHS.all_quality,
        review=PATHS.quality_review if CONFIG.quality.exclude_flagged_plates else [],
    output:
        split=PATHS.split,
        groups=PATHS.groups,
    log:
        PATHS.log("splits/{split}"),
    benchmark:
        PATHS.benchmark("splits/{split}")
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        options=SPLITS.options,
        exclude_flagged=CONFIG.quality.exclude_flagged,
        channels=SCREEN.fluorescence,
        seed=CONFIG.seed,
        code=CODE["splits/split.py"],
    script:
        "../scripts/splits/split.py"


rule audit_split:
    input:
        units=PATHS.units,
        pixels=SCREEN.all_plates(PATHS.pixels),
        split=PATHS.split,
        groups=PATHS.groups,
    output:
        PATHS.audit,
    log:
        PATHS.log("splits/{split}.audit"),
    benchmark:
        PATHS.benchmark("splits/{split}.audit")
    # Only summary and report need the result, since predictions do not change with the audit. The
    # priority lets a leak stop the run early.
    priority: 90
    conda:
        environment("learning")
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=120,
    params:
        options=SPLITS.audit_options,
        split=SPLITS.options,
        code=CODE["splits/audit_split.py"],
    script:
        "../scripts/splits/audit_split.py"
