# The validated configuration, the plates, and the functions that rules share.
import argparse
import itertools
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

WORKFLOW = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(WORKFLOW))

from moascope.config import files as config_files
from moascope.classification import baseline_registry
from moascope.classification.heads import registry as heads
from moascope.config import loading
from moascope.pipeline import code_digests, job_logs
from moascope.segmentation.engines import optional_packages
from moascope.core.errors import InputError
from moascope.core.text.escaping import json_for_html
from moascope.core.files import check_folder, read_parquet, remove_leftovers
from moascope.splits.independence import held_out_columns
from moascope.core.paths import Paths


def stop(message):
    """End Snakemake with a message of ours, without the lines of code that it would add."""
    logger.error(str(message))
    raise SystemExit(1)


def validated():
    """Read the configuration, or stop with all that is wrong with it."""
    source = ", ".join(map(str, workflow.overwrite_configfiles)) or "config"
    is_main = workflow.is_main_process
    try:
        for file in workflow.configfiles if is_main else []:
            repeated = config_files.repeated_keys(file)
            if repeated:
                raise InputError.collect(repeated, str(file))
        return loading.load(config, source, with_files=is_main)
    except InputError as error:
        stop(error)


CONFIG = validated()
PATHS = Paths(CONFIG.run)
SCREEN = CONFIG.input is not None
SIMULATED = SCREEN and CONFIG.input.format == "simulate"


def check_results(*, writable):
    """Stop where results cannot be written."""
    try:
        check_folder(PATHS.result("").rstrip("/"), writable=writable)
    except InputError as error:
        stop(error)


check_results(writable=False)


def remove_leftovers_of_killed_jobs():
    """Remove half-written files whose writers are dead, and say so."""
    removed = remove_leftovers(PATHS.result("").rstrip("/"))
    if removed:
        logger.warning(
            f"removed {len(removed)} half-written files of killed jobs, such as {removed[0]}"
        )


def say_why_jobs_failed():
    """Repeat at the end of the output what stopped the jobs, which may stand far above."""
    jobs = [
        job
        for group in getattr(workflow.scheduler, "failed", [])
        for job in getattr(group, "jobs", [group])
    ]
    failed = [(str(job), str(job.log[0])) for job in jobs if job.log]
    if failed:
        logger.error(f"\n{job_logs.failures_text(failed)}\n")


def folder_files():
    """List the image files, once, where no sheet does."""
    if not SCREEN or not CONFIG.input.lists_files():
        return None
    from moascope.screen.plates import matching_files

    try:
        files, left_out = matching_files(input_options())
    except InputError as error:
        stop(error)
    warning = left_out.warning(CONFIG.input.images, len(files))
    if warning and workflow.is_main_process:
        logger.warning(warning)
    return files


def plates():
    """Name the plates, from the sample sheet or the simulation."""
    from moascope.screen.plates import plate_names, simulated_plates

    if not SCREEN:
        return []
    if SIMULATED:
        return simulated_plates(CONFIG.simulate.plates, CONFIG.simulate.batches)
    try:
        return plate_names(input_options(), FILES)
    except InputError as error:
        stop(everything_wrong(error))


def everything_wrong(error):
    """Give all that is wrong with a screen whose plates cannot be named, and not only that."""
    from moascope.screen.site_table import read_sites

    try:
        read_sites(input_options())
    except InputError as errors:
        return str(errors)
    return str(error)


# How images are read, which the sample sheet does not depend on.
READING = [
    "axes",
    "on_size_mismatch",
    "on_bad_image",
    "max_image_gigabytes",
    "pixel_size_um",
]


def input_options():
    """Give what the sample sheet is read with: the input section, and what others ask of it."""
    section = CONFIG.section("input")
    return {
        **{
            key: value
            for key, value in section.items()
            if key not in [*READING, "unit", "brightfield", "label_name"]
        },
        # Files of a simulation are always there.
        "on_bad_image": "error" if SIMULATED else CONFIG.input.on_bad_image,
        "needs_controls": CONFIG.needs_controls(),
        "labels_required": bool(CONFIG.models),
    }


FILES = folder_files()
PLATES = plates()
# Snakemake goes through all outputs of a rule for each that is asked for. More plates in a part cost
# planning, fewer cost jobs.
PART = 64
PLATE_PARTS = [PLATES[start : start + PART] for start in range(0, len(PLATES), PART)]
CHANNELS = list(CONFIG.input.channels) if SCREEN else []
FLAGGING = CONFIG.section(
    "quality", "focus_z", "max_saturated", "min_foreground", "intensity_z"
)
FROZEN = [name for name, model in CONFIG.models.items() if model.transfer == "frozen"]
TUNED = [name for name in CONFIG.models if name not in FROZEN]
KERAS_HEADS = [
    name
    for name in FROZEN
    if heads.get(CONFIG.models[name].head.type).is_network
    and not CONFIG.models[name].candidates
]
NESTED = [name for name in FROZEN if CONFIG.models[name].candidates]
PLAIN_HEADS = [name for name in FROZEN if name not in [*KERAS_HEADS, *NESTED]]
LINEAR = [
    name for name in PLAIN_HEADS if heads.get(CONFIG.models[name].head.type).is_linear
]
JOINED = [name for name in FROZEN if CONFIG.models[name].uses_hand_crafted()]


def check_until():
    """Stop where --until names what Snakemake cannot stop at, so that it would do nothing at all."""
    if not workflow.is_main_process:
        return
    # Snakemake knows its targets only after it has read the rules.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--until", "-U", nargs="+", default=[])
    until = parser.parse_known_args()[0].until
    hints = {
        "train_fold": "its jobs are known only once the split is made; name collect_folds, which "
        "trains all folds",
    }
    if not SCREEN:
        hints |= dict.fromkeys(
            ["sites", "check_splits", "check_models"],
            "there is no screen to check before the run; start it without --until",
        )
    elif not HAS_NETWORKS and until == ["check_models"]:
        hints["check_models"] = "there are no networks to check; name check_splits"
    problems = [f"{name}: {hints[name]}" for name in until if name in hints]
    if problems:
        stop(InputError.collect(problems, "--until"))


def passes():
    """Map models to the model whose pass through the network they use: the first alike."""
    options = {name: CONFIG.models[name].network_pass() for name in FROZEN}
    return {
        name: next(other for other in FROZEN if options[other] == own)
        for name, own in options.items()
        if own is not None
    }


PASS_OF = passes()
PASSES = list(dict.fromkeys(PASS_OF.values()))


def one_of(names):
    """Give a wildcard constraint that matches these names only."""
    return "|".join(names) or "none-of-these-is-configured"


# A pattern that named all plates would be searched through for every file of every plate.
wildcard_constraints:
    plate=r"[^/]+",
    split=one_of(CONFIG.splits),
    model=one_of(CONFIG.models),
    engine=one_of(CONFIG.segmentation.engines),
    fold=r"\d+",


# Of the library code behind each script, so that editing it reruns the rules that need it.
DIGESTS = code_digests.digest_scripts(WORKFLOW / "scripts")


def code(script):
    """Give the digest of the library code behind a script."""
    return DIGESTS[script]


def environment(name):
    """Give the conda environment for a kind of work."""
    if name in ("tensorflow", "stardist"):
        name += "-gpu" if CONFIG.compute.gpu == "required" else "-cpu"
    return str(WORKFLOW.parent / "envs" / f"{name}.yaml")


def gpus():
    """Give the number of GPUs that a job of a network asks for."""
    return 0 if CONFIG.compute.gpu == "never" else 1


def memory(megabytes):
    """Give a resource function that asks for more memory on every retry."""
    return lambda wildcards, attempt: megabytes * attempt


def all_plates(pattern):
    """Fill the plate into a path pattern."""
    return expand(pattern, plate=PLATES)


def tuning_options(wildcards):
    """Give the options of a network that decide what it learns when it is trained."""
    options = CONFIG.section(f"models.{wildcards.model}")
    unused = ("split", "views", "features", "candidates")
    return {key: value for key, value in options.items() if key not in unused}


def augmentation_of(wildcards):
    """Give the augmentation that a network is trained with."""
    augments = CONFIG.models[wildcards.model].augment
    return CONFIG.model_dump(mode="json")["augmentation"] if augments else []


def feature_options(wildcards):
    """Give the options of a model that its pass through the network depends on."""
    return CONFIG.models[wildcards.model].network_pass()


def pass_of(pattern):
    """Give an input function: a file of the pass that a model uses; none for hand-crafted features."""

    def files(wildcards):
        name = wildcards.model
        return pattern.format(model=PASS_OF[name]) if name in PASS_OF else []

    return files


def features_of(wildcards):
    """Give the features that the head of a model sees."""
    if wildcards.model in JOINED:
        return PATHS.joined_features
    return PATHS.features.format(model=PASS_OF[wildcards.model])


def network_options(name):
    """Give the options of a model that decide whether its network can be built."""
    if name in FROZEN:
        return {**CONFIG.models[name].network_pass(), "transfer": "frozen"}
    model = CONFIG.section(f"models.{name}")
    other = ["split", "augment", "training", "features", "candidates"]
    return {key: value for key, value in model.items() if key not in other}


def image_shape():
    """Give height and width of what units are made of, where no file has to be read for it."""
    if CONFIG.units.cells:
        return [CONFIG.units.cells.crop] * 2
    return [CONFIG.simulate.image_size] * 2 if SIMULATED else None


READ_AS_THEY_ARE = SIMULATED or not SCREEN or CONFIG.input.on_size_mismatch == "error"


def head_options(wildcards):
    """Give the options of a model that its head depends on."""
    model = CONFIG.models[wildcards.model]
    own = next(iter(model.choices().values()))
    options = {"head": own.head.model_dump(mode="json")}
    if wildcards.model in KERAS_HEADS:
        options["training"] = CONFIG.section(f"models.{wildcards.model}.training")
    return options


def choices_of(wildcards):
    """Give the features and heads that a model is chosen from; one of a model without candidates."""
    choices = CONFIG.models[wildcards.model].choices()
    return {name: each.model_dump(mode="json") for name, each in choices.items()}


def final_options(wildcards):
    """Give the options of a model that its network and its head are built with."""
    name = wildcards.model
    keys = ("backbone", "weights", "channel_mapping", "triple", "input_size", "views")
    training = (
        CONFIG.section(f"models.{name}.training") if name in KERAS_HEADS else None
    )
    network = CONFIG.section(f"models.{name}", *keys) if name in PASS_OF else None
    return {"network": network, "training": training}


def checkpoints_of_folds(wildcards):
    """Give what killed trainings of a model go on from, with the fold left open."""
    return PATHS.fold_checkpoint.replace("{model}", wildcards.model)


WEIGHTS = {
    name: model.weights
    for name, model in CONFIG.models.items()
    if model.weights not in ("imagenet", "none")
}


def weights_of(wildcards):
    """Give the weights file of a model, where it is one."""
    name = wildcards.model
    return {"weights": WEIGHTS[name]} if name in WEIGHTS else {}


def seed_of_weights(wildcards):
    """Give the seed of frozen weights: there is one only where they are random."""
    return CONFIG.seed if CONFIG.models[wildcards.model].weights == "none" else None


def screen_digest():
    """Digest the sheets, which may be older than what was read, or the names of the image files."""
    if SIMULATED:
        return None
    from hashlib import sha256

    names = [] if FILES is None else [repr(FILES).encode()]
    named = [
        [given] if isinstance(given, str) else given
        for given in given_sheets().values()
    ]
    files = filter(Path.is_file, map(Path, itertools.chain.from_iterable(named)))
    contents = [*names, *(file.read_bytes() for file in files)]
    return [sha256(content).hexdigest() for content in contents]


def given_sheets():
    """Give the files of the user that describe the screen."""
    from moascope.screen.tables.platemap_list import platemap_files

    keys = ("sheet", "moa_table", "platemap", "platemaps")
    named = {key: getattr(CONFIG.input, key) for key in keys}
    named["platemap_files"] = [
        str(path) for path in platemap_files(input_options())
    ] or None
    return {key: path for key, path in named.items() if path is not None}


def split_options(name):
    """Give the options of a split that decide who is in which set."""
    section = CONFIG.section(f"splits.{name}")
    return {key: value for key, value in section.items() if key != "audit"}


def split_of_model(wildcards):
    """Give the options of the split that a model is evaluated on."""
    return split_options(CONFIG.models[wildcards.model].split)


def of_split(pattern):
    """Give an input function: the file of the split that a model is evaluated on."""
    return lambda wildcards: pattern.format(split=CONFIG.models[wildcards.model].split)


def held_out_by_model(wildcards):
    """Return the columns that the split of a model holds out."""
    return held_out_columns(split_options(CONFIG.models[wildcards.model].split))


def models_before(name):
    """Return the models of the same split that are named before this one.

    Not all others, so that a new model leaves the results of the old ones alone.
    """
    names = list(CONFIG.models)
    return [
        other
        for other in names[: names.index(name)]
        if CONFIG.models[other].split == CONFIG.models[name].split
    ]


def selection_of(wildcards):
    """Return which candidate was chosen in each fold, of a model that chooses among several."""
    name = wildcards.model
    return {"selection": PATHS.selection.format(model=name)} if name in NESTED else {}


def null_of(wildcards):
    """Return the refitted null of a model with a linear head."""
    if wildcards.model not in LINEAR:
        return {}
    return {"null": PATHS.null.format(model=wildcards.model)}


def files_of_folds(pattern, model):
    """List one file per fold of a model, known once its split is made."""
    made = checkpoints.split.get(split=CONFIG.models[model].split).output.split
    try:
        count = len(read_parquet(made, ["repeat", "fold"]).drop_duplicates())
    except InputError as error:
        raise WorkflowError(str(error)) from None
    return [pattern.format(model=model, fold=fold) for fold in range(count)]


def folds_of(pattern):
    """Give an input function: one file per fold."""
    return lambda wildcards: files_of_folds(pattern, wildcards.model)


def fold_models(wildcards):
    """List the networks that were trained fold by fold."""
    return [file for name in TUNED for file in files_of_folds(PATHS.fold_model, name)]


def sheets(wildcards):
    """Give the files that describe the screen."""
    if SIMULATED:
        return {"sheets": all_plates(PATHS.simulated_sheet)}
    return given_sheets()


# In a first run there are no rows to compare with, and no plate has to be planned a second time.
SHEET_WAS_READ = Path(PATHS.sheet_is_read).exists()


def of_plate(pattern):
    """Give an input: what the sample sheet says of a plate, once it has been read again."""

    def file(wildcards):
        checkpoints.sheet_is_read.get()
        return pattern.format(plate=wildcards.plate)

    return file if SHEET_WAS_READ else pattern


def files_of_part(wildcards):
    """Return where the images of some plates are, once the sheet has been read again."""
    if SHEET_WAS_READ:
        checkpoints.sheet_is_read.get()
    return expand(PATHS.plate_files, plate=PLATE_PARTS[int(wildcards.part)])


def size_of_screen(wildcards):
    """Return the size that images get, where they are made one size, once it has been checked."""
    if SIMULATED:
        return {}
    if CONFIG.input.on_size_mismatch == "error":
        return {"checked": ancient(PATHS.image_target)}
    if SHEET_WAS_READ:
        checkpoints.check_images.get()
    return {"common_size": PATHS.image_target}


def binary_masks_of_screen():
    """Return what is done with binary masks of the screen, where engines learn from masks."""
    learns = HAS_MASKS and CONFIG.segmentation.annotated is None
    return CONFIG.segmentation.binary_masks if learns else None


def fixed_list(wildcards):
    """Give the file of a fixed split."""
    file = CONFIG.splits[wildcards.split].file
    return {"file": file} if file else {}


def devices_of(wildcards):
    """Give the notes on which device each network was computed."""
    frozen = [PATHS.feature_device.format(model=model) for model in PASSES]
    heads = [PATHS.model_device.format(model=model) for model in [*KERAS_HEADS, *TUNED]]
    others = [name for name in SCORED if ENGINES[name].method != "classical"]
    return [
        *frozen,
        *heads,
        *(file for name in TRAINED for file in training_devices(name)),
        *expand(PATHS.test_device, engine=others),
    ]


def has_curves(model):
    """Tell whether a model is trained in epochs."""
    return model in KERAS_HEADS or model in TUNED


def embedding_of(model):
    """Give the array that the embedding map of a model is drawn from, and its row names."""
    if model in TUNED:
        return PATHS.embedding.format(model=model), PATHS.predictions.format(
            model=model
        )
    if model in JOINED:
        return PATHS.joined_features.format(model=model), PATHS.units
    owner = PASS_OF[model]
    return PATHS.features.format(model=owner), PATHS.feature_index.format(model=owner)


def figure(name, caption, category):
    """Give a figure file that also goes into `snakemake --report`."""
    return report(
        PATHS.result(f"figures/{name}"),
        caption=f"../report/{caption}.rst",
        category=category,
    )


# --- segmentation --------------------------------------------------------------------------------

ENGINE_ENVIRONMENTS = {
    "unet": "tensorflow",
    "classical": "imaging",
    "stardist": "stardist",
    "cellpose": "cellpose",
}
OTHER_NETWORKS = ["stardist", "cellpose"]
ENGINES = CONFIG.segmentation.engines
ENGINE_CHANNELS = CONFIG.segmentation.seen_channels(CHANNELS)
HAS_MASKS = SCREEN and CONFIG.input.columns.mask is not None and bool(ENGINES)
SCORED = list(ENGINES) if CONFIG.segmentation.annotated or HAS_MASKS else []
TRAINED = [name for name in SCORED if ENGINES[name].is_trained()]
EXPORTED = [name for name, engine in ENGINES.items() if engine.export]
MEASURING_NAME = CONFIG.segmentation.measure_with or next(iter(ENGINES), None)
MEASURING = ENGINES[MEASURING_NAME] if SCREEN and ENGINES else None
GIVEN_UNETS = [
    name for name, engine in ENGINES.items() if engine.method == "unet" and engine.model
]
HAS_NETWORKS = SCREEN and bool(CONFIG.models or GIVEN_UNETS)

check_until()


# Plates of which the report shows some sites and the objects in them.
# More plates would have the size measured again whenever one is added.
SIZED_PLATES = sorted(PLATES)[:4] if MEASURING else []
SHOWN_PLATES = sorted(PLATES)[: CONFIG.report.max_plates] if MEASURING else []


def needed_packages():
    """Give the packages that the jobs to be run need, and only the environments of some rules have."""
    planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
    needed = set(optional_packages.EXPORT if "export_unet" in planned else [])
    for method, names in optional_packages.OF_ENGINES.items():
        rules = {f"train_{method}", f"segment_test_{method}"}
        if MEASURING and MEASURING.method == method:
            rules.add("segment_plate")
        if rules & planned:
            needed.update(names)
    return sorted(needed)


def check_packages():
    """Stop at the start where packages are missing that no environment will bring."""
    if workflow.deployment_settings.deployment_method or workflow.touch:
        return
    missing = optional_packages.missing(needed_packages())
    if missing:
        stop(
            f"not installed, but needed for this run: {', '.join(missing)}. Run with --sdm conda, "
            f"which makes the environments for it, or: uv pip install {' '.join(missing)}"
        )


def plate_sets():
    """Give the plates whose known objects train, tune and test the engines."""
    from moascope.screen.plates import dealt_plates

    section = CONFIG.segmentation
    named = {
        "train": section.train_plates,
        "validation": section.validation_plates,
        "test": section.test_plates,
    }
    try:
        return dealt_plates(PLATES, named, CONFIG.segmentation.needed_sets())
    except InputError as error:
        stop(error)


PLATE_SETS = plate_sets() if HAS_MASKS and not CONFIG.segmentation.annotated else {}
ANNOTATED_PLATES = [plate for plates in PLATE_SETS.values() for plate in plates]


def engines(method):
    """Name the engines of a method."""
    return [name for name, engine in ENGINES.items() if engine.method == method]


def engine_options(name):
    """Give the options of an engine that decide what it finds."""
    keys = {
        "unet": [
            *["channel_map", "diameter", "turns", "tile", "overlap"],
            *["prominence", "seed_threshold", "mask_threshold"],
        ],
        "classical": [
            *["diameter", "polarity", "threshold"],
            *["smoothing", "correction", "separation"],
        ],
        "stardist": [
            *["model", "channel_map", "diameter"],
            *["prob_threshold", "nms_threshold"],
        ],
        "cellpose": ["model", "diameter", "flow_threshold", "cellprob_threshold"],
    }[ENGINES[name].method]
    options = CONFIG.section(
        f"segmentation.engines.{name}", *keys, "min_area", "max_area"
    )
    if ENGINES[name].is_trained_further():
        options["channel_map"] = {}  # what is trained on the images has their channels
    return options


def engine_tuning_options(name):
    """Return the options of an engine that decide how it is tuned on annotated images."""
    options = engine_options(name)
    if ENGINES[name].method != "classical":
        del options["diameter"]  # that of the screen
    return options


def test_options(name):
    """Return the options of an engine that segments annotated images.

    What was trained on such images knows their size.
    """
    options = engine_options(name)
    return options | {"diameter": None} if is_trained(name) else options


def measures_size(name):
    """Return whether the size of objects is measured for an engine."""
    return ENGINES[name].diameter == "auto"


def measured_size(name, images):
    """Return the file with the size of objects in a screen or annotated images, if measured."""
    if not measures_size(name):
        return {}
    return {"measured": PATHS.engine_size.format(engine=name, images=images)}


def sample_of_size(wildcards):
    """Return what the size of objects is measured in: the first plates, or the annotated set."""
    model = fitted(wildcards.engine)
    if wildcards.images == "annotated":
        return {**model, "images": PATHS.annotated, "table": PATHS.annotated_table}
    return {
        **model,
        "stores": expand(PATHS.store, plate=SIZED_PLATES),
        "ingested": expand(PATHS.ingested, plate=SIZED_PLATES),
    }


def test_model(wildcards):
    """Return what an engine segments annotated images with."""
    name = wildcards.engine
    is_given = ENGINES[name].model is not None and not is_trained(name)
    size = measured_size(name, "annotated") if is_given else {}
    return {**fitted(name), **size}


def learning_options(name):
    """Give the options of a network that decide what it learns."""
    shape = {"unet": ["network"], "stardist": ["rays", "grid"]}[ENGINES[name].method]
    if ENGINES[name].is_trained_further():
        shape = ["channel_map"]
    return CONFIG.section(
        f"segmentation.engines.{name}", *shape, "training", "augmentation"
    )


def training_options(name):
    """Return how long and how a network learns."""
    return CONFIG.section(f"segmentation.engines.{name}", "training")["training"]


def start_of(wildcards):
    """Return the given U-Net that is trained further; none for a new one."""
    engine = ENGINES[wildcards.engine]
    return {"start": engine.model} if engine.is_trained_further() else {}


def fitted(name):
    """Give the files of an engine that was fitted or is given by path; none for the others."""
    engine = ENGINES[name]
    if is_trained(name):
        path = {"unet": PATHS.unet, "stardist": PATHS.stardist}[engine.method]
        return {"model": path.format(engine=name)}
    if engine.method == "classical" and SCORED:
        return {"model": PATHS.classical.format(engine=name)}
    if engine.method in OTHER_NETWORKS and engine.model:
        return {"model": files_of_model(engine)}
    return {"model": engine.model} if engine.method == "unet" else {}


def members(pattern, name):
    """Fill a U-Net and the networks that it is the mean of into a path pattern."""
    return expand(pattern, engine=name, member=range(ENGINES[name].ensemble))


def members_of(pattern):
    """Give an input function: one file per network that a U-Net is the mean of."""
    return lambda wildcards: members(pattern, wildcards.engine)


def training_devices(name):
    """Give the notes on which device an engine was trained on."""
    if ENGINES[name].method == "unet":
        return members(PATHS.unet_device, name)
    return [PATHS.engine_device.format(engine=name)]


def files_of_model(engine):
    """Give the files of a model that is given by path; none for the name of a published one."""
    path = Path(engine.model)
    if path.is_dir():  # its own time stays the same when a file in it changes
        kinds = (".json", ".h5", ".hdf5")
        files = (file for file in path.iterdir() if file.suffix in kinds)
        return sorted(str(file) for file in files if file.is_file())
    return [engine.model] if engine.is_given_by_path() else []


def model_of_engine(wildcards):
    """Give the fitted file of the engine of a job."""
    return fitted(wildcards.engine)


def annotated_plates(wildcards):
    """Give the known objects of a screen and the plates they are on, once the sheet is read."""
    if SHEET_WAS_READ:
        checkpoints.sheet_is_read.get()
    return {
        "masks": PATHS.masks,
        "stores": expand(PATHS.store, plate=ANNOTATED_PLATES),
        "ingested": expand(PATHS.ingested, plate=ANNOTATED_PLATES),
    }


def annotated_sheets(wildcards):
    """Give the files that list annotated images."""
    section = CONFIG.segmentation.annotated
    sets = {"sets": section.set_file} if section.set_file else {}
    return {"sheet": section.sheet, **sets}


def counts_of_cells(wildcards):
    """Give the number of cells of every site, where cells are found."""
    baselines = map(baseline_registry.get, baseline_names())
    needs_cells = any(baseline.needs_cells for baseline in baselines)
    return {"counts": PATHS.cell_counts} if needs_cells else {}


def baseline_names():
    """Name the baselines; there is no cell count where no cells are found."""
    usable = [
        name
        for name in CONFIG.baselines()
        if MEASURING or not baseline_registry.get(name).needs_cells
    ]
    return usable or [baseline_registry.MAJORITY.name]


def is_trained(name):
    """Tell whether an engine is a network that this run trains."""
    return ENGINES[name].is_trained()


def deliverables():
    """List what users take from a run besides its report, so that what was deleted is made again."""
    files = [
        *expand(PATHS.predictions, model=CONFIG.models),
        *expand(PATHS.model, model=FROZEN),
        *(file for name in TRAINED for file in fitted(name).values()),
        *expand(PATHS.exported, engine=EXPORTED),
    ]
    if MEASURING:
        plates = [PATHS.labels, PATHS.plate_cells]
        if CONFIG.segmentation.labelled_plates:
            plates.append(PATHS.labelled)
        files += [
            PATHS.cell_counts,
            *(file for path in plates for file in all_plates(path)),
        ]
    return files


# --- report --------------------------------------------------------------------------------------


def screen_summary(wildcards):
    """Give what the summary takes from a screen."""
    if not SCREEN:
        return {}
    return {
        **(
            {"counts": PATHS.cell_counts, "cell_doubts": PATHS.cell_doubts}
            if MEASURING
            else {}
        ),
        "inputs": PATHS.inputs,
        "quality": PATHS.all_quality,
        "review": PATHS.quality_review,
        "evaluations": expand(PATHS.evaluation, model=CONFIG.models),
        "audits": expand(PATHS.audit, split=CONFIG.splits),
        "checked_models": [PATHS.models_checked] if HAS_NETWORKS else [],
        "sizes": [] if SIMULATED else [PATHS.image_sizes],
    }


def screen_report(wildcards):
    """Give what the report shows of a screen."""
    if not SCREEN:
        return {}
    return {
        "units": PATHS.units,
        "pixels": all_plates(PATHS.pixels),
        "quality": PATHS.all_quality,
        "splits": expand(PATHS.split, split=CONFIG.splits),
        "groups": expand(PATHS.groups, split=CONFIG.splits),
        "audits": expand(PATHS.audit, split=CONFIG.splits),
        "evaluations": expand(PATHS.evaluation, model=CONFIG.models),
        "predictions": expand(PATHS.predictions, model=CONFIG.models),
        "embeddings": [embedding_of(model)[0] for model in CONFIG.models],
        "embedded": [embedding_of(model)[1] for model in CONFIG.models],
        "histories": expand(PATHS.history, model=filter(has_curves, CONFIG.models)),
        "augmentation": [PATHS.augmentation_preview] if CONFIG.augmentation else [],
    }


def segmentation_report(wildcards):
    """Give what the report shows of the segmentation."""
    scored = {
        "annotated": PATHS.annotated,
        "annotated_table": PATHS.annotated_table,
        "engine_scores": expand(PATHS.engine_scores, engine=SCORED),
        "engine_by_image": expand(PATHS.engine_by_image, engine=SCORED),
        "engine_labels": expand(PATHS.test_labels, engine=SCORED),
        "engine_histories": expand(PATHS.engine_history, engine=TRAINED),
    }
    return {
        **(scored if SCORED else {}),
        **(
            {
                "counts": PATHS.cell_counts,
                "cell_doubts": PATHS.cell_doubts,
                "samples": PATHS.site_samples,
                "sample_table": PATHS.site_sample_table,
            }
            if MEASURING
            else {}
        ),
    }


def report_figures():
    """Name the figures that the report is also cut up into, with caption and category."""
    found = {}
    if CONFIG.models:
        found["accuracy.svg"] = ("accuracy", "Scores")
    for name in CONFIG.splits if SCREEN else []:
        found[f"splits.{name}.svg"] = ("split", "Splits")
    for name in CONFIG.models:
        found[f"{name}.confusion.svg"] = ("confusion", "Scores")
        found[f"{name}.calibration.svg"] = ("calibration", "Scores")
        found[f"{name}.embedding.svg"] = ("embedding", "Embeddings")
    for name in filter(has_curves, CONFIG.models):
        found[f"{name}.curves.svg"] = ("curves", "Training")
    if SCREEN:
        found["examples.png"] = ("examples", "Images")
    if SCORED:
        found["segmentation.ap.svg"] = ("segmentation", "Segmentation")
        found["segmentation.sizes.svg"] = ("sizes", "Segmentation")
    return found
