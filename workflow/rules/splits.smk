# Training, validation and test sets, and the audit that nothing leaks between them.


rule check_splits:
    input:
        sites=PATHS.sites,
        files=[split.file for split in CONFIG.splits.values() if split.file],
    output:
        PATHS.checked,
    log:
        PATHS.log("check_splits"),
    benchmark:
        PATHS.benchmark("check_splits")
    # A split that cannot be made stops the run in seconds. Nothing depends on this rule, since
    # images do not change with the splits.
    priority: 100
    conda:
        environment("learning")
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        splits={name: split_options(name) for name in CONFIG.splits},
        tiles=(
            None
            if CONFIG.units.cells
            else CONFIG.units.tiles[0] * CONFIG.units.tiles[1]
        ),
        audits={
            name: CONFIG.section(f"splits.{name}.audit", "groups", "on_leak")
            for name in CONFIG.splits
        },
        seed=CONFIG.seed,
        code=code("splits/check_splits.py"),
    script:
        "../scripts/splits/check_splits.py"


checkpoint split:
    input:
        unpack(fixed_list),
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
        options=lambda wildcards: split_options(wildcards.split),
        exclude_flagged=CONFIG.quality.exclude_flagged,
        channels=[name for name in CHANNELS if name not in CONFIG.input.brightfield],
        seed=CONFIG.seed,
        code=code("splits/split.py"),
    script:
        "../scripts/splits/split.py"


rule audit_split:
    input:
        units=PATHS.units,
        pixels=all_plates(PATHS.pixels),
        split=PATHS.split,
        groups=PATHS.groups,
    output:
        PATHS.audit,
    log:
        PATHS.log("splits/{split}.audit"),
    benchmark:
        PATHS.benchmark("splits/{split}.audit")
    # Only summary and report depend on this rule, since predictions do not change with how the audit
    # looks at the split. It goes first, so that a leak stops the run early where cores are few.
    priority: 90
    conda:
        environment("learning")
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=120,
    params:
        options=lambda wildcards: CONFIG.section(f"splits.{wildcards.split}.audit"),
        split=lambda wildcards: split_options(wildcards.split),
        code=code("splits/audit_split.py"),
    script:
        "../scripts/splits/audit_split.py"
