"""What the tests of the project's own tools share."""
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def build():
    """The build directory: DALABA_BUILD, or build."""
    folder = ROOT / os.environ.get("DALABA_BUILD", "build")
    assert (folder / "build.ninja").is_file(), f"{folder} is no build directory; ./dev build makes one"
    return folder
