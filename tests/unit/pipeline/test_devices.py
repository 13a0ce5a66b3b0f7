import os
import subprocess
import sys
from pathlib import Path

import pytest

from moascope.core.errors import InputError
from moascope.pipeline import devices

TWO_GPUS = """\
0, GPU-aaa, NVIDIA A100, 30000, 40960
1, GPU-bbb, NVIDIA A100, 12, 40960
"""

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_the_emptiest_gpu_is_taken(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS)
    description = devices.choose("auto", lock_dir=tmp_path)
    assert description == "GPU 1: NVIDIA A100, 40960 MiB"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-bbb"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_another_process_gets_another_gpu(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS)
    devices.choose("required", lock_dir=tmp_path)
    code = (
        "import pathlib, sys; from moascope.pipeline import devices;"
        "print(devices.choose('auto', lock_dir=pathlib.Path(sys.argv[1])))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(devices.__file__).parents[2])}
    environment.pop("CUDA_VISIBLE_DEVICES")
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.startswith("GPU 0")


def test_where_all_are_taken_the_emptiest_is_shared_and_said_so(nvidia_smi, tmp_path, caplog):
    nvidia_smi(TWO_GPUS)
    for _ in range(2):
        devices.choose("auto", lock_dir=tmp_path)
        os.environ.pop("CUDA_VISIBLE_DEVICES")
    assert devices.choose("auto", lock_dir=tmp_path).startswith("GPU 1")
    assert "sharing GPU 1" in caplog.text


@pytest.mark.parametrize("given", ["0", "GPU-aaa"])
def test_only_devices_that_the_cluster_gave_are_taken(nvidia_smi, tmp_path, monkeypatch, given):
    nvidia_smi(TWO_GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert devices.choose("auto", lock_dir=tmp_path).startswith("GPU 0")


def test_a_required_gpu_that_is_not_there_stops_the_run(nvidia_smi, tmp_path):
    nvidia_smi("")
    with pytest.raises(InputError, match="a GPU is required, but nvidia-smi shows none"):
        devices.choose("required", lock_dir=tmp_path)


def test_without_the_driver_auto_means_cpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.choose("auto", lock_dir=tmp_path).startswith("CPU")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_broken_driver_is_reported_and_auto_goes_on(nvidia_smi, tmp_path, caplog):
    nvidia_smi("Failed to initialize NVML\n", status=9)
    assert devices.choose("auto", lock_dir=tmp_path).startswith("CPU")
    assert "nvidia-smi failed" in caplog.text


def test_never_hides_the_gpus(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS)
    assert devices.choose("never", lock_dir=tmp_path).startswith("CPU")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="jax is not installed where"):
        devices.choose("never", "jax")


def test_a_gpu_that_the_backend_does_not_see_is_an_error_where_it_is_required():
    import keras

    if keras.distribution.list_devices("gpu"):
        pytest.skip("this machine has a GPU that Keras sees")
    with pytest.raises(InputError, match="sees no GPU: this environment has a CPU build"):
        devices.confirm("required", "GPU 0: A100, 40960 MiB")
    assert devices.confirm("auto", "GPU 0: A100, 40960 MiB").startswith("CPU")
    assert devices.confirm("never", "CPU, 2 cores") == "CPU, 2 cores"


def test_other_libraries_agree_on_the_device_too():
    card = "GPU 0: A100, 40960 MiB"
    assert devices.agreed("required", card, "PyTorch", sees_gpu=True) == card
    assert devices.agreed("auto", card, "PyTorch", sees_gpu=False).startswith("CPU")
    with pytest.raises(InputError, match="PyTorch sees no GPU"):
        devices.agreed("required", card, "PyTorch", sees_gpu=False)


def test_an_unknown_mode_is_an_error():
    with pytest.raises(InputError, match="'maybe' is none of auto, required, never"):
        devices.choose("maybe")


def test_no_library_is_asked_for_a_gpu_where_none_was_chosen():
    description = devices.choose_for("never", "tensorflow", "moascope.core.nowhere:sees_gpu")
    assert description.startswith("CPU, ")
