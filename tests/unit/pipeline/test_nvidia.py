import os

import pytest

from moascope.pipeline import devices, nvidia

TWO_GPUS = """\
0, GPU-aaa, NVIDIA A100, 30000, 40960
1, GPU-bbb, NVIDIA A100, 12, 40960
"""

pytestmark = pytest.mark.usefixtures("clean_environment")


MIG_LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaa)
  MIG 1g.5gb      Device  0: (UUID: MIG-111)
  MIG 3g.20gb     Device  1: (UUID: MIG-333)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbb)
"""


def test_a_divided_card_is_its_mig_devices(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS.replace("12, 40960", "40000, 40960"), listing=MIG_LISTING)
    description = devices.choose("required", lock_dir=tmp_path)
    assert description == "GPU 0: NVIDIA A100-SXM4-40GB MIG 3g.20gb, 20480 MiB"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-333"


@pytest.mark.parametrize("given", ["MIG-111", "MIG-1"])
def test_a_mig_device_that_the_cluster_gave_is_taken(nvidia_smi, tmp_path, monkeypatch, given):
    nvidia_smi(TWO_GPUS, listing=MIG_LISTING)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert "MIG 1g.5gb, 5120 MiB" in devices.choose("required", lock_dir=tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-111"


def test_the_names_of_mig_devices_of_older_drivers_are_known(nvidia_smi, tmp_path, monkeypatch):
    listing = MIG_LISTING.replace("MIG-111", "MIG-GPU-aaa/1/0")
    nvidia_smi(TWO_GPUS, listing=listing)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-aaa/1/0")
    devices.choose("required", lock_dir=tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-GPU-aaa/1/0"
    assert (tmp_path / "MIG-GPU-aaa_1_0.lock").is_file()


def test_a_divided_card_that_the_cluster_gave_is_its_devices(nvidia_smi, tmp_path, monkeypatch):
    nvidia_smi(TWO_GPUS, listing=MIG_LISTING)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aaa")
    assert "MIG 3g.20gb" in devices.choose("required", lock_dir=tmp_path)


def test_jobs_get_different_mig_devices(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS, listing=MIG_LISTING)
    chosen = set()
    for _ in range(3):
        devices.choose("required", lock_dir=tmp_path)
        chosen.add(os.environ.pop("CUDA_VISIBLE_DEVICES"))
    assert chosen == {"GPU-bbb", "MIG-111", "MIG-333"}


@pytest.mark.parametrize("memory", ["[N/A], [N/A]", "[Not Supported], [Not Supported]", "[], []"])
def test_memory_that_is_not_known_is_not_shown(nvidia_smi, tmp_path, memory):
    nvidia_smi(f"0, GPU-aaa, NVIDIA GB10, {memory}\n")
    assert devices.choose("required", lock_dir=tmp_path) == "GPU 0: NVIDIA GB10"


def test_a_card_without_an_identifier_is_taken_by_its_number(nvidia_smi, tmp_path):
    nvidia_smi("3, [N/A], Tesla K80, 11, 11441\n")
    assert devices.choose("required", lock_dir=tmp_path).startswith("GPU 3: Tesla K80")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"


def test_names_may_hold_commas(nvidia_smi, tmp_path):
    nvidia_smi("0, GPU-aaa, Card, with, commas, 11, 11441\n")
    assert devices.choose("auto", lock_dir=tmp_path) == "GPU 0: Card, with, commas, 11441 MiB"


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: infoROM is corrupted at gpu 0000:3B:00.0",
        "[N/A], [N/A], [N/A], [N/A], [N/A]",
        "index, uuid, name, memory.used [MiB], memory.total [MiB]",
        "\u00b2, GPU-ccc, NVIDIA A100, 0, 90000",
        "9" * 5000 + ", GPU-ccc, NVIDIA A100, 0, 90000",
        ",,,,",
        "2, GPU-ccc, NVIDIA A100, [GPU is lost], [GPU is lost]",
        "2, GPU-ccc, NVIDIA A100, [Unknown Error], 90000",
        "2, GPU-ccc, NVIDIA A100, 0, [GPU requires reset]",
    ],
)
def test_a_line_that_is_no_usable_gpu_is_skipped_with_a_warning(nvidia_smi, tmp_path, caplog, line):
    nvidia_smi(f"{line}\n{TWO_GPUS}")
    assert devices.choose("required", lock_dir=tmp_path).startswith("GPU 1")
    assert "skipping" in caplog.text


def test_an_answer_that_is_not_utf_8_is_read(nvidia_smi, tmp_path):
    nvidia_smi(TWO_GPUS, before="printf '\\377\\376 warning\\n'")
    assert devices.choose("required", lock_dir=tmp_path).startswith("GPU 1")


def test_a_driver_that_does_not_answer_is_given_up(nvidia_smi, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(nvidia, "_SECONDS", 0.3)
    nvidia_smi(TWO_GPUS, before="exec sleep 60")
    assert devices.choose("auto", lock_dir=tmp_path).startswith("CPU")
    assert "nvidia-smi failed" in caplog.text
    assert "timed out" in caplog.text


# Where the locks lie


def test_the_folder_of_locks_is_private(nvidia_smi, tmp_path, monkeypatch):
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir(mode=0o1777)
    nvidia_smi(TWO_GPUS)
    devices.choose("required")
    (folder,) = (tmp_path / "tmp").iterdir()
    assert folder.name == f"moascope-gpus-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "GPU-bbb.lock").stat().st_mode & 0o777 == 0o600


def test_a_folder_of_locks_that_others_can_enter_is_closed_to_them(nvidia_smi, tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir()
    folder.chmod(0o777)
    nvidia_smi(TWO_GPUS)
    devices.choose("required", lock_dir=folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_a_lock_is_not_followed(nvidia_smi, tmp_path, caplog):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    (folder / "GPU-bbb.lock").symlink_to(victim)
    nvidia_smi(TWO_GPUS)
    assert devices.choose("required", lock_dir=folder).startswith("GPU 0")
    assert victim.read_text() == "precious"
    assert "the lock of GPU 1 cannot be opened" in caplog.text


def test_an_existing_lock_keeps_its_content(nvidia_smi, tmp_path):
    (tmp_path / "GPU-bbb.lock").write_text("precious")
    nvidia_smi(TWO_GPUS)
    assert devices.choose("required", lock_dir=tmp_path).startswith("GPU 1")
    assert (tmp_path / "GPU-bbb.lock").read_text() == "precious"


def test_a_link_in_place_of_the_folder_of_locks_is_not_used(nvidia_smi, tmp_path, caplog):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    nvidia_smi(TWO_GPUS)
    assert devices.choose("required", lock_dir=tmp_path / "locks").startswith("GPU 1")
    assert "locks is a link; jobs may share a GPU" in caplog.text
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_of_locks_of_another_user_is_not_used(nvidia_smi, tmp_path, monkeypatch, caplog):
    owner = os.getuid()
    monkeypatch.setattr(nvidia.os, "getuid", lambda: owner + 1)
    nvidia_smi(TWO_GPUS)
    assert devices.choose("required", lock_dir=tmp_path).startswith("GPU 1")
    assert "belongs to another user; jobs may share a GPU" in caplog.text
    assert not list(tmp_path.glob("*.lock"))
