# A target for each rule with wildcards. Snakemake cannot stop at such a rule with `--until`: when a
# checkpoint is done, it drops the jobs that no file was asked of.
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
