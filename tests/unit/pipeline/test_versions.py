import subprocess
import sys
from pathlib import Path

from moascope.pipeline import versions


def test_versions_name_python_and_installed_packages_only():
    found = versions.versions()
    assert {"python", "platform", "numpy", "pandas"} <= set(found)
    assert all(found.values())


def test_versions_import_no_deep_learning():
    root = Path(versions.__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); "
        "from moascope.pipeline import versions; versions.versions(); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_with_a_network_keeps_its_device_and_versions():
    found = versions.computed_with("tensorflow", "CPU, 2 cores")
    assert found == {
        "backend": "tensorflow",
        "device": "CPU, 2 cores",
        "versions": versions.versions(),
    }
