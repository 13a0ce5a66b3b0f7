"""NVIDIA GPUs of this machine, and locks that keep jobs of one user on different GPUs."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_QUERY = ("--query-gpu=index,uuid,name,memory.used,memory.total", "--format=csv,noheader,nounits")
_SECONDS = 60.0  # that nvidia-smi has to answer
# A name may hold commas; what is before and behind it has none.
_CARD = re.compile(
    r"(?P<index>[0-9]{1,9}), (?P<uuid>[^,]+), (?P<name>.+), (?P<used>[^,]+), (?P<total>[^,]+)"
)
_UUID = re.compile(r"(?:GPU|MIG)-[A-Za-z0-9-]+")
_FAULT = re.compile(r"lost|reset|error", re.IGNORECASE)  # as in [GPU is lost]
_LISTED_CARD = re.compile(r"GPU (?P<index>[0-9]{1,9}): (?P<name>.*) \(UUID: (?P<uuid>[^)]*)\)")
# MIG 1g.10gb Device 0: (UUID: MIG-...), before driver 470 MIG-GPU-.../1/0
_LISTED_PART = re.compile(r"MIG (?P<profile>\S+)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[^)\s]+)\)")


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

    def matches(self, entry: str) -> bool:
        """Return whether an entry of CUDA_VISIBLE_DEVICES is this device, or its card."""
        if entry.isdecimal():
            return int(entry) == self.index
        return self.uuid.startswith(entry) or self.card.startswith(entry)


def list_gpus() -> list[Gpu]:
    """List the GPUs that this process may use; MIG devices in place of a divided card.

    Returns
    -------
    list of Gpu
        None of them if there is no driver, or it fails, which is logged.
    """
    cards = [gpu for line in _ask(*_QUERY) if (gpu := _read_card(line)) is not None]
    parts = _read_parts(_ask("-L")) if cards else {}
    gpus = [gpu for card in cards for gpu in parts.get(card.index, [card])]
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return gpus
    entries = [entry.strip() for entry in given.split(",") if entry.strip()]
    return [gpu for gpu in gpus if any(map(gpu.matches, entries))]


def _ask(*arguments: str) -> list[str]:
    """Return the lines that nvidia-smi prints; none where it is missing or fails."""
    command = ["nvidia-smi", *arguments]
    try:
        text = subprocess.check_output(
            command, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", timeout=_SECONDS
        )
    except FileNotFoundError:
        return []
    except (subprocess.SubprocessError, OSError) as error:
        logger.warning("nvidia-smi failed (%s); computing as if there were no GPU", error)
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _read_card(line: str) -> Gpu | None:
    """Read a line of nvidia-smi; None, with a warning, for one that describes no usable GPU."""
    match = _CARD.fullmatch(line)
    if match is None or _FAULT.search(match["uuid"] + match["used"] + match["total"]):
        logger.warning("skipping a line of nvidia-smi that describes no usable GPU: %r", line)
        return None
    # Without an identifier CUDA still knows the device by its number.
    uuid = match["uuid"] if _UUID.fullmatch(match["uuid"]) else match["index"]
    used, total = (int(text) if text.isdecimal() else 0 for text in match.group("used", "total"))
    return Gpu(int(match["index"]), uuid, match["name"], used, total)


def _read_parts(lines: Sequence[str]) -> dict[int, list[Gpu]]:
    """Read the MIG devices of each card from the answer to nvidia-smi -L."""
    parts: dict[int, list[Gpu]] = {}
    card: re.Match[str] | None = None
    for line in lines:
        card = _LISTED_CARD.match(line) or card
        part = _LISTED_PART.match(line)
        if card and part:
            gigabytes = re.search(r"\.([0-9]{1,4})gb", part["profile"])
            total = 1024 * int(gigabytes[1]) if gigabytes else 0
            name = f"{card['name']} MIG {part['profile']}"
            gpu = Gpu(int(card["index"]), part["uuid"], name, 0, total, card["uuid"])
            parts.setdefault(gpu.index, []).append(gpu)
    return parts


def lock_emptiest(gpus: Sequence[Gpu], folder: Path) -> tuple[Gpu, bool]:
    """Lock the GPU with the most free memory that no other job holds, until the process ends.

    Parameters
    ----------
    gpus : sequence of Gpu
        At least one.
    folder : pathlib.Path
        Folder of the locks, which only this user can enter; made where it is missing.

    Returns
    -------
    gpu : Gpu
        The locked one; where all are held, the one with the most free memory.
    is_free : bool
        Whether no other job is known to hold it.
    """
    by_free_memory = sorted(gpus, key=lambda gpu: (gpu.used - gpu.total, gpu.index))
    problem = _prepare_folder(folder)
    if problem is not None:
        logger.warning(
            "%s: the folder of GPU locks %s; jobs may share a GPU. Remove it, or set TMPDIR to a "
            "folder of your own",
            folder,
            problem,
        )
        return by_free_memory[0], True
    free = (gpu for gpu in by_free_memory if _lock(gpu, folder))
    gpu = next(free, None)
    return (by_free_memory[0], False) if gpu is None else (gpu, True)


def _lock(gpu: Gpu, folder: Path) -> bool:
    """Lock a GPU until the process ends; return whether no other process holds it."""
    path = folder / f"{re.sub('[^A-Za-z0-9-]', '_', gpu.uuid)}.lock"
    # Without following a link or waiting for a pipe.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        logger.warning("the lock of GPU %s cannot be opened: %s", gpu.index, error)
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    return True  # the open descriptor keeps the lock


def _prepare_folder(folder: Path) -> str | None:
    """Make a folder that only this user can enter; return what is wrong with an existing one."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    if not stat.S_ISDIR(status.st_mode):
        return "is a link"
    if status.st_uid != os.getuid():
        return "belongs to another user"
    folder.chmod(0o700)
    return None
