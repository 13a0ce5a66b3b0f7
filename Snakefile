# MoAscope: mechanism-of-action profiling of high-content screens.
# A table of contents. The logic is in workflow/moascope, the rules in workflow/rules.
from snakemake.utils import min_version

min_version("9.27")

# A file given with --configfile stands alone: the demo's is read only where none is given.
if not workflow.overwrite_configfiles:

    configfile: str(workflow.current_basedir.join("config/config.yaml"))


report: "workflow/report/workflow.rst"


include: "workflow/rules/setup.smk"


if SCREEN:

    include: "workflow/rules/screen.smk"
    include: "workflow/rules/preprocessing.smk"
    include: "workflow/rules/splits.smk"
    include: "workflow/rules/classification.smk"


if ENGINES:

    include: "workflow/rules/segmentation.smk"


include: "workflow/rules/report.smk"


localrules:
    all,


onstart:
    check_packages()
    check_results(writable=True)
    remove_leftovers_of_killed_jobs()


onerror:
    say_why_jobs_failed()


rule all:
    default_target: True
    input:
        PATHS.report,
        PATHS.summary,
        [PATHS.checked] if SCREEN else [],
        [PATHS.models_checked] if HAS_NETWORKS else [],
        deliverables(),
        fold_models if TUNED else [],
