# MoAscope: mechanism-of-action profiling of high-content screens.
# A table of contents. The logic is in workflow/moascope, the rules in workflow/rules.
from snakemake.utils import min_version

min_version("9.27")

# A file given with --configfile is used alone; without one, this is the demo.
if not workflow.overwrite_configfiles:

    configfile: str(workflow.current_basedir.join("config/config.yaml"))


report: "workflow/report/workflow.rst"


include: "workflow/rules/setup.smk"
include: "workflow/rules/functions.smk"


if SCREEN.has_screen:

    include: "workflow/rules/screen.smk"
    include: "workflow/rules/preprocessing.smk"
    include: "workflow/rules/splits.smk"
    include: "workflow/rules/classification.smk"


if ENGINES.engines:

    include: "workflow/rules/segmentation.smk"


include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


localrules:
    all,


onstart:
    check_start()


onerror:
    show_failures()


rule all:
    default_target: True
    input:
        RESULTS.targets(),
        fold_models if MODELS.tuned else [],
