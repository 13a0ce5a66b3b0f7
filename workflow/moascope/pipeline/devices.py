"""Device of a job: a free GPU is chosen before TensorFlow starts, under a lock."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from pathlib import Path

from moascope.core.errors import InputError
from moascope.core.named_functions import load_function
from moascope.pipeline.nvidia import list_gpus, lock_emptiest

logger = logging.getLogger(__name__)

MODES = ("auto", "required", "never")


def choose(gpu: str, backend: str = "tensorflow", lock_dir: Path | None = None) -> str:
    """Choose the device of this process, before Keras is imported.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        `auto` takes a GPU where there is one; `required` fails where there is none.
    backend : {"tensorflow", "jax", "torch"}
        The Keras backend, set as KERAS_BACKEND.
    lock_dir : path or None
        Folder of the locks, made where it is missing. None: one in the machine's temporary
        folder.

    Returns
    -------
    str
        The device in words, for the log and the report.

    Raises
    ------
    InputError
        If a GPU is required and nvidia-smi shows none to this process, the mode is unknown, or the
        backend is not installed.
    """
    if gpu not in MODES:
        raise InputError(f"compute.gpu: {gpu!r} is none of {', '.join(MODES)}.")
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"{backend} is not installed where networks run. Install it there, or, for networks of "
            "Keras, set compute.keras_backend to tensorflow."
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up chatter hides real messages
    os.environ["KERAS_BACKEND"] = backend
    # Without it TensorFlow takes the whole memory of a GPU that others may share.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if gpu == "never":
        return _cpu("compute.gpu is never")
    found = list_gpus()
    if not found:
        if gpu == "required":
            raise InputError(
                "compute.gpu: a GPU is required, but nvidia-smi shows none to this process. Run "
                "on a machine (or ask the cluster for a node) with an NVIDIA GPU and its driver, "
                "or set compute.gpu to auto."
            )
        return _cpu("no NVIDIA GPU found")
    chosen, is_free = lock_emptiest(found, lock_dir or _default_lock_dir())
    os.environ["CUDA_VISIBLE_DEVICES"] = chosen.uuid
    memory = f", {chosen.total} MiB" if chosen.total else ""
    description = f"GPU {chosen.index}: {chosen.name}{memory}"
    if not is_free:
        logger.warning(
            "every GPU is in use by another job of this workflow; sharing %s", description
        )
    logger.info("device: %s (%s MiB in use by others)", description, chosen.used)
    return description


def confirm(gpu: str, description: str) -> str:
    """Check that Keras sees the device that was chosen.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        As for `choose`.
    description : str
        Result of `choose`.

    Returns
    -------
    str
        The device in words: `description`, or the CPU where the backend sees no GPU.

    Raises
    ------
    InputError
        If a GPU is required and the backend sees none.
    """
    if not description.startswith("GPU"):
        return description
    # Not before choose(), and by name, since engines that have no Keras choose a device as well.
    keras = importlib.import_module("keras")
    seen = bool(keras.distribution.list_devices("gpu"))
    return agreed(gpu, description, keras.backend.backend(), sees_gpu=seen)


def choose_for(gpu: str, backend: str | None, sees_gpu: str | None) -> str:
    """Choose the device of this process, for an engine that computes without Keras 3.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        As for `choose`.
    backend : str or None
        Library that computes; None where there is no network.
    sees_gpu : str or None
        Name of the function that loads the library and returns whether it sees a GPU, see
        `named_functions.load_function`; None where there is no network.

    Returns
    -------
    str
        The device in words; empty where there is no network.

    Raises
    ------
    InputError
        If a GPU is required and there is none, or it is not seen.
    """
    if backend is None or sees_gpu is None:
        return ""
    description = choose(gpu, backend)
    if not description.startswith("GPU"):
        return description
    return agreed(gpu, description, backend, sees_gpu=load_function(sees_gpu)())


def agreed(gpu: str, description: str, backend: str, *, sees_gpu: bool) -> str:
    """Check that a library sees the device that was chosen.

    Parameters
    ----------
    gpu, description : str
        As for `confirm`.
    backend : str
        Name of the library that computes.
    sees_gpu : bool
        Whether it sees a GPU.

    Returns
    -------
    str
        The device in words.

    Raises
    ------
    InputError
        If a GPU is required and not seen.
    """
    if description.startswith("GPU") and not sees_gpu:
        reason = (
            f"{description} is there, but {backend} sees no GPU: this environment has a CPU "
            "build, or its CUDA libraries do not fit the driver"
        )
        if gpu == "required":
            raise InputError(
                f"compute.gpu: {reason}. Install the gpu extra (or use the GPU environment), "
                "or set compute.gpu to auto."
            )
        logger.warning("%s; computing on the CPU", reason)
        return _cpu(f"{backend} sees no GPU")
    return description


def _cpu(reason: str) -> str:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    description = f"CPU, {len(_affinity())} cores"
    logger.info("device: %s (%s)", description, reason)
    return description


def _affinity() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _default_lock_dir() -> Path:
    return Path(tempfile.gettempdir()) / f"moascope-gpus-{os.getuid()}"
