# Training, validation and test sets, and the audit that nothing leaks between them.


checkpoint split:
    input:
        unpack(fixed_list),
        units=PATHS.units,
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
        options=lambda wildcards: {
            key: value
            for key, value in CONFIG.section(f"splits.{wildcards.split}").items()
            if key != "audit"
        },
        exclude_flagged=CONFIG.quality.exclude_flagged,
        seed=CONFIG.seed,
        code=code("split.py"),
    script:
        "../scripts/split.py"


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
    conda:
        environment("learning")
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=120,
    params:
        options=lambda wildcards: CONFIG.section(f"splits.{wildcards.split}.audit"),
        code=code("audit_split.py"),
    script:
        "../scripts/audit_split.py"
