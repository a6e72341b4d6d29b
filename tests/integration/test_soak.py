"""A short soak; the ten minutes of it are `./dev bench soak`."""

import pytest

from rig import street


@pytest.mark.heavy
def test_no_card_runs_dry_while_the_processors_are_busy(folder):
    result = street.soak(folder, 20)
    if result.not_urgent:
        pytest.skip(f"no real-time priority here: {result.not_urgent}")
    assert not result.failures, "\n".join(result.words)
