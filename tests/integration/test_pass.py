"""A run in passes: heard in one zone after the other, by the whole daemon."""

import pytest

from rig import sound
from rig.capture import Capture
from rig.daemon import outcome


@pytest.mark.threads
def test_neighbours_say_it_one_after_the_other(village):
    clip, reference = village.clip(1.5, seed=1)
    village.api.patch(f"/zones/{village.left}", {"pass": 3, "max_gain_db": 0})
    village.api.patch(f"/zones/{village.right}", {"max_gain_db": 0})
    run = village.box.wait_run(village.push([village.left, village.right], clip=clip["id"]))
    first, later = outcome(run, village.right), outcome(run, village.left)
    assert (first["outcome"], first["reason"]) == ("played", None), first
    assert (later["outcome"], later["reason"]) == ("played", "pass 2 of 2"), later
    assert later["late_ms"] >= first["late_ms"] + 1500 + 2000
    alert = {"headline": "x", "clip": clip["id"], "severity": "severe", "level": "town",
             "zones": [village.left, village.right], "repeat_every_s": 0}  # fmt: skip
    alert = village.api.post("/alerts", alert)
    village.box.wait_for(lambda: village.api.get(f"/alerts/{alert['id']}")["state"] == "played",
                         30, "the alert to be over")  # fmt: skip
    village.box.close()
    got = Capture(village.card.capture)
    right, left = (got.matches(reference, sound.RATE, channel) for channel in (1, 0))
    assert min(m.snr_db for m in right + left) >= 55
    assert left[0].time_ns >= right[0].time_ns + 3.5e9
    # What is urgent is said everywhere at once.
    assert abs(left[1].time_ns - right[1].time_ns) < 1e6
