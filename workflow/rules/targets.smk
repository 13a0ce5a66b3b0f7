# A target for each rule with wildcards. Snakemake cannot stop at such a rule with `--until`: when a
# checkpoint is done, it drops the jobs that no file was asked of.


def jobs_of_wildcards():
    """Return the jobs of this run by the wildcards of their rules, in alphabetical order."""
    engines = {**dict.fromkeys(ENGINES.scored), **dict.fromkeys(ENGINES.exported)}
    return {
        "engine": [{"engine": name} for name in engines],
        "engine,images": ENGINES.size_jobs(),
        "engine,member": ENGINES.member_jobs(),
        "model": [{"model": name} for name in CONFIG.models],
        "part": [{"part": part} for part in range(len(SCREEN.parts))],
        "plate": [{"plate": name} for name in PLATES],
        "split": [{"split": name} for name in CONFIG.splits],
    }


def files_of_rules():
    """Return the files of every rule with wildcards, by its name."""
    jobs = jobs_of_wildcards()
    files = {}
    for rule in workflow.rules:
        wildcards = ",".join(sorted(rule.wildcard_names))
        if wildcards == "fold,model":  # the folds are known after the split
            files[rule.name] = fold_models if MODELS.tuned else []
        elif wildcards:
            files[rule.name] = files_of_jobs(rule.output[0], jobs[wildcards])
    return files


TARGETS = files_of_rules() if SCREEN.has_screen else {}
for RULE, FILES in TARGETS.items():

    rule:
        name:
            target_of(RULE)
        input:
            FILES,
        localrule: True


if is_main:
    with stop_at_input_errors():
        check_until(
            sys.argv[1:],
            has_screen=SCREEN.has_screen,
            has_networks=RESULTS.has_networks,
            targets=TARGETS,
        )
