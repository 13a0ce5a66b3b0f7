"""What all tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

# Chosen by --hypothesis-profile long: `fuzzing.cases` then draws thousands of new cases.
settings.register_profile("long", settings.default)

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images that lie beside the project on some machines."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real images in ../shared/data, which are not part of the project")
    return folder
