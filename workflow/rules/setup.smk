# The validated configuration, the plates, and what happens at the start and the end of a run.
# Inputs and parameters of the rules are in workflow/moascope/pipeline/inputs.
import sys
from contextlib import contextmanager
from pathlib import Path

from snakemake.logging import logger

WORKFLOW = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(WORKFLOW))

from moascope.config import loading
from moascope.config.files import check_repeated_keys
from moascope.core.errors import InputError
from moascope.core.files import check_folder, remove_leftovers
from moascope.core.paths import Paths
from moascope.pipeline import code_digests, job_logs
from moascope.pipeline.code_digests import digest_function
from moascope.pipeline.inputs.base import match_names
from moascope.pipeline.inputs.classification import ModelInputs
from moascope.pipeline.inputs.report import ReportInputs
from moascope.pipeline.inputs.screen import (
    ScreenInputs,
    screen_options,
    list_images,
    list_plates,
)
from moascope.pipeline.inputs.segmentation import EngineInputs
from moascope.pipeline.inputs.splits import SplitInputs
from moascope.pipeline.until import check_until, files_of_jobs, target_of


@contextmanager
def stop_at_input_errors():
    """End Snakemake with the message of an InputError, without the lines of code it would add."""
    try:
        yield
    except InputError as error:
        logger.error(str(error))
        raise SystemExit(1)


with stop_at_input_errors():
    is_main = workflow.is_main_process  # jobs start this file again
    if is_main:
        check_repeated_keys(workflow.configfiles)
    config_names = ", ".join(map(str, workflow.overwrite_configfiles)) or "config"
    CONFIG = loading.load(config, config_names, with_files=is_main)
    PATHS = Paths(CONFIG.run)
    check_folder(PATHS.folder(), writable=False)
    image_files, warning = list_images(CONFIG)
    if warning and is_main:
        logger.warning(warning)
    PLATES = list_plates(CONFIG, image_files)
    SCREEN = ScreenInputs(CONFIG, PATHS, PLATES, image_files)
    SPLITS = SplitInputs(CONFIG, PATHS, PLATES)
    MODELS = ModelInputs(CONFIG, PATHS, PLATES)
    ENGINES = EngineInputs(CONFIG, PATHS, PLATES)
    RESULTS = ReportInputs(CONFIG, PATHS, PLATES, MODELS, ENGINES)
    ENGINES.plate_sets  # raises if plates are too few

# Digests of the library code behind each script: an edit reruns the rules that depend on it.
CODE = code_digests.digest_scripts(WORKFLOW / "scripts")
# In a first run there are no earlier rows, and no plate is planned a second time.
SHEET_WAS_READ = Path(PATHS.sheet_is_read).exists()


# Not a list of all plates: Snakemake would search it for every file of every plate.
wildcard_constraints:
    plate=r"[^/]+",
    split=match_names(CONFIG.splits),
    model=match_names([*CONFIG.models, *CONFIG.ensembles]),
    engine=match_names(CONFIG.segmentation.engines),
    fold=r"\d+",


def check_start():
    """Check results and packages at the start, and remove half-written files."""
    with stop_at_input_errors():
        check_folder(PATHS.folder(), writable=True)
        if not workflow.deployment_settings.deployment_method and not workflow.touch:
            planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
            ENGINES.check_packages(planned)
            MODELS.check_packages()
    removed = remove_leftovers(PATHS.folder())
    if removed:
        logger.warning(
            f"removed {len(removed)} half-written files of killed jobs, such as {removed[0]}"
        )


def show_failures():
    """Repeat at the end of the output why jobs failed."""
    groups = getattr(workflow.scheduler, "failed", [])
    jobs = [job for group in groups for job in getattr(group, "jobs", [group])]
    failed = [(str(job), str(job.log[0])) for job in jobs if job.log]
    if failed:
        logger.error(f"\n{job_logs.failures_text(failed)}\n")
