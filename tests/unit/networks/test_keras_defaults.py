"""The user's `~/.keras/keras.json` changes nothing."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import moascope

LIBRARY = Path(moascope.__file__).parent
HOSTILE = {
    "floatx": "float64",
    "image_data_format": "channels_first",
    "epsilon": 0.1,
    "backend": "torch",
    "nnx_enabled": True,
}
SHOW = """
import json, numpy
from moascope.networks import backbones
from moascope.networks.keras_defaults import keras, layers
layer = layers.Conv2D(3, 2)
shape = layer(numpy.zeros((1, 8, 9, 4))).shape
print(json.dumps({
    "floatx": keras.config.floatx(), "epsilon": keras.config.epsilon(),
    "format": keras.config.image_data_format(), "backend": keras.config.backend(),
    "policy": keras.config.dtype_policy().name, "nnx": keras.config.is_nnx_enabled(),
    "weights": str(layer.kernel.dtype), "shape": list(shape),
    "normalized": layers.BatchNormalization().epsilon,
}))
"""


def run(folder, content):
    (folder / ".keras").mkdir()
    (folder / ".keras/keras.json").write_text(content)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KERAS_")}
    environment = {**kept, "HOME": str(folder), "PYTHONPATH": str(LIBRARY.parent)}
    return subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, check=False, env=environment
    )


def test_a_hostile_file_of_the_user_changes_nothing(tmp_path):
    done = run(tmp_path, json.dumps(HOSTILE))
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {
        **{"floatx": "float32", "epsilon": 1e-7, "format": "channels_last"},
        **{"backend": "tensorflow", "policy": "float32", "nnx": False, "weights": "float32"},
        **{"shape": [1, 7, 8, 3], "normalized": 1e-3},
    }


def test_a_file_that_keras_cannot_read_is_named(tmp_path):
    done = run(tmp_path, '{"floatx": "float23"}')
    assert (
        "InputError: Keras cannot be imported, probably because of a wrong value in" in done.stderr
    )
    assert "keras.json" in done.stderr


def test_no_other_module_imports_keras_by_itself():
    files = [*LIBRARY.rglob("*.py"), *(LIBRARY.parent / "scripts").rglob("*.py")]
    assert len(files) > 80
    for file in files:
        if file.name == "keras_defaults.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert "keras" not in {name.partition(".")[0] for name in names}, file
