# Resources, and inputs that are known only during a run.
from snakemake.exceptions import WorkflowError


def environment(name):
    """Return the conda environment for a kind of work."""
    if name in ("tensorflow", "stardist"):
        name += "-gpu" if CONFIG.compute.gpu == "required" else "-cpu"
    return str(WORKFLOW.parent / "envs" / f"{name}.yaml")


def gpus():
    """Return the number of GPUs that a job of a network requests."""
    return 0 if CONFIG.compute.gpu == "never" else 1


def memory(megabytes):
    """Return a resource function that requests more memory on every retry."""
    return lambda wildcards, attempt: megabytes * attempt


# --- Inputs known during a run --------------------------------------------------------------------


def after_reading(function):
    """Return an input function that waits until the sample sheet is read again."""

    def files(wildcards):
        checkpoints.sheet_is_read.get()
        return function(wildcards)

    return files if SHEET_WAS_READ else function


def of_plate(pattern):
    """Return the input of a plate that depends on the rows of the sample sheet."""
    if not SHEET_WAS_READ:
        return pattern
    return after_reading(lambda wildcards: pattern.format(plate=wildcards.plate))


def size_of_screen(wildcards):
    """Return the size that all images are brought to, or a note that their sizes are equal."""
    if SCREEN.is_simulated:
        return {}
    if CONFIG.input.on_size_mismatch == "error":
        return {"checked": ancient(PATHS.image_target)}
    if SHEET_WAS_READ:
        checkpoints.check_images.get()
    return {"common_size": PATHS.image_target}


def files_of_folds(pattern, model):
    """Return one file per fold of a model, once its split is made."""
    made = checkpoints.split.get(split=CONFIG.models[model].split).output
    try:
        return MODELS.files_of_folds(pattern, model, made.split)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def folds_of(pattern):
    """Return an input function: one file per fold."""
    return lambda wildcards: files_of_folds(pattern, wildcards.model)


def explained_networks(wildcards):
    """Return the networks that explain a model: those of its folds, or the final one."""
    if wildcards.model in MODELS.tuned:
        return files_of_folds(PATHS.fold_model, wildcards.model)
    return [PATHS.model.format(model=wildcards.model)]


def fold_models(wildcards):
    """Return the networks that were trained fold by fold."""
    return [
        file for name in MODELS.tuned for file in files_of_folds(PATHS.fold_model, name)
    ]


# --- Targets ------------------------------------------------------------------------------------


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
    for each in workflow.rules:
        wildcards = ",".join(sorted(each.wildcard_names))
        if wildcards == "fold,model":  # the folds are known after the split
            files[each.name] = fold_models if MODELS.tuned else []
        elif wildcards:
            files[each.name] = files_of_jobs(each.output[0], jobs[wildcards])
    return files
