"""Which device computes: a free GPU is chosen before TensorFlow starts, under a lock."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from moascope.core.errors import InputError
from moascope.core.named_functions import load_function

logger = logging.getLogger(__name__)

MODES = ("auto", "required", "never")
_QUERY = "index,uuid,name,memory.used,memory.total"
_NVIDIA_SMI_SECONDS = 60.0
_UUID = re.compile(r"(?:GPU|MIG)-[A-Za-z0-9-]+")
# [GPU is lost], [GPU requires reset], [Unknown Error]: there is a card, but it does not compute.
_FAULT = re.compile(r"lost|reset|error", re.IGNORECASE)
_CARD_LINE = re.compile(r"GPU (?P<index>[0-9]{1,9}): (?P<name>.*) \(UUID: (?P<uuid>[^)]*)\)")
# MIG 1g.10gb Device 0: (UUID: MIG-...), before driver 470 MIG-GPU-.../1/0
_MIG_LINE = re.compile(r"MIG (?P<profile>\S+)\s+Device\s+[0-9]+: \(UUID: (?P<uuid>MIG-[^)\s]+)\)")

# Open files keep their lock until the process ends, so that its GPU stays taken.
_held: list[FileIO] = []


@dataclass(frozen=True)
class Gpu:
    """A card, or a MIG device that is a part of one; memory in MiB, 0 where not known."""

    index: int
    uuid: str
    name: str
    used: int
    total: int
    card: str = ""
    """UUID of the card that a MIG device is a part of."""


def choose(gpu: str, backend: str = "tensorflow", lock_dir: Path | None = None) -> str:
    """Pick the device of this process. To be called before Keras is imported.

    Parameters
    ----------
    gpu : {"auto", "required", "never"}
        `auto` takes a GPU where there is one; `required` fails where there is none.
    backend : {"tensorflow", "jax", "torch"}
        The Keras backend, set as KERAS_BACKEND.
    lock_dir : path or None
        Where the locks lie: a folder that only this user can enter, made where it is missing.
        None: one in the machine's temporary folder.

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
            "there, or, for networks of Keras, set the key to tensorflow."
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
    memory = f", {chosen.total} MiB" if chosen.total else ""
    description = f"GPU {chosen.index}: {chosen.name}{memory}"
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


def choose_for(gpu: str, backend: str | None, sees_gpu: str | None) -> str:
    """Pick the device of this process for an engine, and check that its library sees it.

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
    return agreed(gpu, description, backend, sees_gpu=load_function(sees_gpu)())


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


def _nvidia_smi(*arguments: str) -> list[str] | None:
    """Return the lines that nvidia-smi prints; None where there is none, or it fails."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_NVIDIA_SMI_SECONDS,
            check=True,
        )
    except FileNotFoundError:
        return None
    except (subprocess.SubprocessError, OSError) as error:
        logger.warning("nvidia-smi failed (%s); taking it that there is no GPU", error)
        return None
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def _gpus() -> list[Gpu]:
    """List the GPUs, and in place of one that is divided its MIG devices."""
    lines = _nvidia_smi(f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits") or []
    cards = [gpu for gpu in map(_gpu, lines) if gpu is not None]
    if not cards:
        return []
    parts = _mig_devices(_nvidia_smi("-L") or [])
    return [device for card in cards for device in parts.get(card.index, [card])]


def _gpu(line: str) -> Gpu | None:
    """Read a line of nvidia-smi; None, with a warning, for one that describes no usable GPU."""
    fields = [field.strip() for field in line.split(",")]
    # A name may hold commas; what is before and behind it has none.
    if len(fields) < 5 or not _is_number(fields[0]):
        logger.warning("passing over a line of nvidia-smi that describes no GPU: %r", line)
        return None
    index, uuid, *names, used, total = fields
    faults = [field for field in (uuid, used, total) if _FAULT.search(field)]
    if faults:
        logger.warning("passing over GPU %s: nvidia-smi says %s", index, faults[0])
        return None
    name = ", ".join(names)
    # Without an identifier CUDA still knows the device by its number.
    known = uuid if _UUID.fullmatch(uuid) else index
    return Gpu(int(index), known, name, _mebibytes(used), _mebibytes(total))


def _mig_devices(lines: Sequence[str]) -> dict[int, list[Gpu]]:
    """Read the MIG devices of each GPU from the answer to nvidia-smi -L."""
    found: dict[int, list[Gpu]] = {}
    card: re.Match[str] | None = None
    for line in lines:
        if match := _CARD_LINE.match(line):
            card = match
        elif (match := _MIG_LINE.match(line)) and card:
            gigabytes = re.search(r"\.([0-9]{1,4})gb", match["profile"])
            device = Gpu(
                index=int(card["index"]),
                uuid=match["uuid"],
                name=f"{card['name']} MIG {match['profile']}",
                used=0,
                total=1024 * int(gigabytes[1]) if gigabytes else 0,
                card=card["uuid"],
            )
            found.setdefault(device.index, []).append(device)
    return found


def _is_number(field: str) -> bool:
    return field.isascii() and field.isdecimal() and len(field) < 10


def _mebibytes(field: str) -> int:
    # Some devices answer [N/A] or [Not Supported].
    return int(field) if _is_number(field) else 0


def _visible(gpus: list[Gpu]) -> list[Gpu]:
    """Keep to the devices that the cluster gave this job."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return gpus
    allowed = [entry.strip() for entry in given.split(",") if entry.strip()]
    return [gpu for gpu in gpus if any(_is_meant(gpu, entry) for entry in allowed)]


def _is_meant(gpu: Gpu, entry: str) -> bool:
    """Return whether an entry of CUDA_VISIBLE_DEVICES is this device, or the card it is part of."""
    if _is_number(entry):
        return int(entry) == gpu.index
    return gpu.uuid.startswith(entry) or gpu.card.startswith(entry)


def _locked(gpus: list[Gpu], lock_dir: Path) -> tuple[Gpu, bool]:
    """Lock the GPU with the most free memory that no other job holds."""
    by_free_memory = sorted(gpus, key=lambda gpu: (gpu.used - gpu.total, gpu.index))
    if (problem := _prepare_folder(lock_dir)) is not None:
        logger.warning(
            "%s: %s; jobs may share a GPU. Remove it, or set TMPDIR to a folder of your own",
            lock_dir,
            problem,
        )
        return by_free_memory[0], True
    for gpu in by_free_memory:
        try:
            # Nothing is written: an existing file keeps its content, and a link is not followed.
            descriptor = os.open(
                lock_dir / f"{re.sub('[^A-Za-z0-9-]', '_', gpu.uuid)}.lock",
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK,
                0o600,
            )
        except OSError as error:
            logger.warning("the lock of GPU %s cannot be opened: %s", gpu.index, error)
            continue
        file = FileIO(descriptor, "rb+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        return gpu, True
    return by_free_memory[0], False


def _prepare_folder(folder: Path) -> str | None:
    """Make a folder that only this user can enter; return what is wrong with one that is there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        return f"the folder of GPU locks cannot be made ({error.strerror})"
    if not stat.S_ISDIR(status.st_mode):
        return "the folder of GPU locks is a link"
    if status.st_uid != os.getuid():
        return "the folder of GPU locks belongs to another user"
    if stat.S_IMODE(status.st_mode) & 0o077:
        # Made by an earlier version, or under another mask.
        folder.chmod(0o700)
    return None


def _default_lock_dir() -> Path:
    return Path(tempfile.gettempdir()) / f"moascope-gpus-{os.getuid()}"
