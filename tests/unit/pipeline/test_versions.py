"""Versions and devices of a run."""

from moascope.pipeline import versions


def test_versions_name_python_and_installed_packages_only():
    found = versions.versions()
    assert {"python", "platform", "numpy", "pandas"} <= set(found)
    assert all(found.values())


def test_versions_import_no_deep_learning():
    import subprocess
    import sys
    from pathlib import Path

    root = Path(versions.__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); "
        "from moascope.pipeline import versions; versions.versions(); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_environment_joins_the_notes_of_all_jobs():
    notes = [
        {"device": "GPU 0: A100", "backend": "tensorflow", "versions": {"tensorflow": "9.9"}},
        {"device": "CPU", "backend": "tensorflow"},
    ]
    found = versions.environment(notes, 3)
    assert found["device"] == "CPU; GPU 0: A100"
    assert found["backend"] == "tensorflow"
    assert found["versions"]["tensorflow"] == "9.9"
    assert found["seed"] == 3


def test_without_a_network_no_device_is_named():
    assert "device" not in versions.environment([], 3)
