"""A stand-in for the driver of NVIDIA GPUs."""

import os

import pytest


@pytest.fixture
def clean_environment(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "KERAS_BACKEND", "TF_FORCE_GPU_ALLOW_GROWTH"):
        # Set before it is removed, so that what choose() writes is undone as well.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A stand-in for nvidia-smi on PATH that answers what the test wants."""

    def install(answer, status=0, listing="", before=""):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "nvidia-smi"
        program.write_text(
            f"#!/bin/sh\n{before}\n"
            f"if [ $1 = -L ]; then cat <<'END'\n{listing}END\nexit 0\nfi\n"
            f"cat <<'END'\n{answer}END\nexit {status}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return install
