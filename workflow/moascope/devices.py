"""Which device computes: a free GPU is chosen before TensorFlow starts, under a lock."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from moascope.errors import InputError

logger = logging.getLogger(__name__)

MODES = ("auto", "required", "never")
_QUERY = "index,uuid,name,memory.used,memory.total"

# Open files keep their lock until the process ends, so that its GPU stays taken.
_held: list[IO[str]] = []


@dataclass(frozen=True)
class Gpu:
    """One line of nvidia-smi; memory in MiB."""

    index: int
    uuid: str
    name: str
    used: int
    total: int


def choose(gpu: str, backend: str = "tensorflow", lock_dir: Path | None = None) -> str:
    """Pick the device of this process. To be called before Keras is imported.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        `auto` takes a GPU where there is one; `required` fails where there is none.
    backend : {"tensorflow", "jax", "torch"}
        The Keras backend, set as KERAS_BACKEND.
    lock_dir : path or None
        Where the locks lie; None: a folder of this user in the machine's temporary folder.

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
            f"compute.keras_backend: {backend} is not installed where networks run. Install it "
            "there, or set the key to tensorflow."
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up chatter hides real messages
    os.environ["KERAS_BACKEND"] = backend
    # Without it TensorFlow takes the whole memory of a GPU that others may share.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if gpu == "never":
        return _cpu("compute.gpu is never")
    found = _visible(_gpus())
    if not found:
        if gpu == "required":
            raise InputError(
                "compute.gpu: a GPU is required, but nvidia-smi shows none to this process. Run "
                "on a machine (or ask the cluster for a node) with an NVIDIA GPU and its driver, "
                "or set compute.gpu to auto."
            )
        return _cpu("no NVIDIA GPU found")
    chosen, is_free = _locked(found, lock_dir or _default_lock_dir())
    os.environ["CUDA_VISIBLE_DEVICES"] = chosen.uuid
    description = f"GPU {chosen.index}: {chosen.name}, {chosen.total} MiB"
    if not is_free:
        logger.warning(
            "every GPU is in use by another job of this workflow; sharing %s", description
        )
    logger.info("device: %s (%s MiB in use by others)", description, chosen.used)
    return description


def confirm(gpu: str, description: str) -> str:
    """Check, once Keras is there, that it sees the device that was chosen.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        As for `choose`.
    description : str
        What `choose` gave.

    Returns
    -------
    str
        The device in words: `description`, or the CPU where the backend sees no GPU.

    Raises
    ------
    InputError
        If a GPU is required and the backend sees none.
    """
    # Not before choose(), and by name, since engines that have no Keras choose a device as well.
    keras = importlib.import_module("keras")
    seen = [] if gpu == "never" else keras.distribution.list_devices("gpu")
    return agreed(gpu, description, keras.backend.backend(), sees_gpu=bool(seen))


def choose_for(gpu: str, backend: str, sees_gpu: Callable[[], bool]) -> str:
    """Pick the device of this process, for an engine that computes without Keras 3.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        As for `choose`.
    backend : str
        What computes.
    sees_gpu : callable
        Imports it, and tells whether it sees a GPU.

    Returns
    -------
    str
        The device in words.

    Raises
    ------
    InputError
        If a GPU is required and there is none, or it is not seen.
    """
    description = choose(gpu)
    return agreed(gpu, description, backend, sees_gpu=sees_gpu())


def agreed(gpu: str, description: str, backend: str, *, sees_gpu: bool) -> str:
    """Check that what computes sees the device that was chosen.

    Parameters
    ----------
    gpu, description : str
        As for `confirm`.
    backend : str
        What computes.
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


def _gpus() -> list[Gpu]:
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except FileNotFoundError:
        return []
    except (subprocess.SubprocessError, OSError) as error:
        logger.warning("nvidia-smi failed (%s); taking it that there is no GPU", error)
        return []
    return [_gpu(line) for line in answer.stdout.splitlines() if line.strip()]


def _gpu(line: str) -> Gpu:
    index, uuid, name, used, total = (field.strip() for field in line.split(","))
    return Gpu(int(index), uuid, name, _mebibytes(used), _mebibytes(total))


def _mebibytes(field: str) -> int:
    # Some devices answer [N/A].
    return int(field) if field.isdigit() else 0


def _visible(gpus: list[Gpu]) -> list[Gpu]:
    """Keep to the devices that the cluster gave this job."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return gpus
    allowed = [entry.strip() for entry in given.split(",") if entry.strip()]
    return [
        gpu
        for gpu in gpus
        if any(entry == str(gpu.index) or gpu.uuid.startswith(entry) for entry in allowed)
    ]


def _locked(gpus: list[Gpu], lock_dir: Path) -> tuple[Gpu, bool]:
    """Lock the GPU with the most free memory that no other job holds."""
    by_free_memory = sorted(gpus, key=lambda gpu: (gpu.used - gpu.total, gpu.index))
    lock_dir.mkdir(parents=True, exist_ok=True)
    for gpu in by_free_memory:
        file = (lock_dir / f"{gpu.uuid}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        return gpu, True
    return by_free_memory[0], False


def _default_lock_dir() -> Path:
    return Path(tempfile.gettempdir()) / f"moascope-gpus-{os.getuid()}"
