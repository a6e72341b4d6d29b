"""A busy quarter of a minute at the desk: music in eight zones on two cards, a notice over three of
them, an emergency over both in two, a call into two others; then all is as it was, and the
list of runs tells exactly that."""

import threading
import time

import numpy as np
import pytest

from conftest import Village
from rig import sound
from rig.capture import Capture
from rig.daemon import outcome

MUSIC_S = 34
CALL_RATE = 16000
CHUNK_MS = 40


class Desk(Village):
    """Eight zones on two cards of four channels."""

    def __init__(self, make_box, cards, folder):
        self.folder = folder
        self.walls = [cards.add(f"wall{n}", channels=4) for n in range(2)]
        self.box = make_box().start()
        self.api = self.box.api
        outputs = [self.box.output(card.pcm, channels=4) for card in self.walls]
        self.zones = [self.box.zone(f"zone {i}", outputs[i // 4], [i % 4]) for i in range(8)]

    def ids(self, *zones):
        return [self.zones[i] for i in zones]

    def playing(self):
        """What each zone sounds of, and what sounds softly beneath."""
        rows = {z["id"]: z for z in self.api.get("/status")["zones"]}
        return [(rows[z]["run"], rows[z]["ducked"]) for z in self.zones]

    def wait_playing(self, expected, what):
        self.box.wait_for(lambda: self.playing() == expected, 10, what)

    def call(self, zones, samples):
        """Speaks into the zones in real time; returns the run."""
        live = self.api.post("/live", {"zones": zones, "title": "the mayor"})
        pcm = (samples * 32767).astype("<i2")
        step = CALL_RATE * CHUNK_MS // 1000
        begin = time.monotonic()
        for seq, at in enumerate(range(0, len(pcm), step)):
            time.sleep(max(0, begin + seq * CHUNK_MS / 1000 - time.monotonic()))
            self.api.post(
                f"/live/{live['id']}/audio", params={"seq": seq}, data=pcm[at : at + step].tobytes(),
                expect=(200, 204),
            )  # fmt: skip
        self.api.delete(f"/live/{live['id']}")
        return live["run"]


@pytest.mark.threads
def test_everything_returns_to_where_it_was(make_box, cards, folder):
    desk = Desk(make_box, cards, folder)
    music, music_sound = desk.clip(MUSIC_S, seed=1)
    notice, notice_sound = desk.clip(6, seed=2)
    flood, flood_sound = desk.clip(2, seed=3)
    speech = sound.noise(3, 4, high=1000, rate=CALL_RATE)
    a = desk.push(
        desk.zones, announcement=desk.announcement(music, "music", resume="resume"),
        **{"class": "background"},
    )  # fmt: skip
    desk.wait_playing([(a, None)] * 8, "music in eight zones")
    time.sleep(4)
    b = desk.push(
        desk.ids(1, 2, 3), announcement=desk.announcement(notice, "water", resume="resume")
    )
    desk.wait_playing([(a, None)] + [(b, a)] * 3 + [(a, None)] * 4, "a notice in three")
    time.sleep(1)
    alert = desk.api.post(
        "/alerts", {"headline": "Flood", "clip": flood["id"], "severity": "extreme",
                    "zones": desk.ids(3, 4), "repeat_every_s": 0},
    )  # fmt: skip
    runs = desk.box.runs_of()
    c = next(r["id"] for r in runs if r["alert"] == alert["id"])
    desk.wait_playing(
        [(a, None), (b, a), (b, a), (c, None), (c, None), (a, None), (a, None), (a, None)],
        "an emergency in two",
    )
    callers = []
    caller = threading.Thread(
        target=lambda: callers.append(desk.call(desk.ids(6, 7), speech))
    )
    caller.start()
    desk.box.wait_for(lambda: desk.playing()[6][0] not in (a, None), 10, "the call")
    d = desk.playing()[6][0]
    assert desk.playing()[7] == (d, None) and desk.playing()[5] == (a, None)
    caller.join()
    assert callers == [d]
    desk.box.wait_for(lambda: desk.api.get(f"/alerts/{alert['id']}")["state"] == "played", 30, "its end")
    desk.box.wait_run(b)
    desk.wait_playing([(a, None)] * 8, "music in eight zones again")
    row = desk.box.wait_run(a, within_s=60)

    # The list tells it, and nothing else.
    told = {r["id"]: r for r in desk.box.runs_of()}
    assert {r["class"] for r in told.values()} == {"background", "notice", "emergency", "live"}
    assert [told[i]["source"] for i in (a, b, c, d)] == ["push", "push", "alert", "live"]
    assert all(z["outcome"] == "played" for r in told.values() for z in r["zones"]), told
    softer = "softer under 'water' (notice) for 6"
    twice = "softer 2 times"
    flooded = "interrupted by 'Flood' (emergency)"
    called = "interrupted by 'the mayor' (live)"
    for zones, words in (
        ((0, 5), ()), ((1, 2), (softer,)), ((3,), (twice, flooded)), ((4,), (flooded,)),
        ((6, 7), (called,)),
    ):  # fmt: skip
        for zone in desk.ids(*zones):
            reason = outcome(row, zone)["reason"]
            assert all(w in reason for w in words) if words else not reason, (zone, reason)
    assert not outcome(told[b], desk.zones[1])["reason"]
    assert flooded in outcome(told[b], desk.zones[3])["reason"], told[b]
    desk.box.close()

    walls = [Capture(card.capture) for card in desk.walls]
    # Low and short enough to be known where the reserve of the call makes it faster or slower.
    words = [half[: CALL_RATE * 6 // 100] for half in np.split(speech, 6)]
    tail = music_sound[-4 * sound.RATE :]
    gains = []
    for i in range(8):
        wall, channel = walls[i // 4], i % 4
        last = wall.matches(tail, sound.RATE, channel, least=0.9)[-1]
        assert last.snr_db >= 60, (i, last)
        gains.append(last.gain)
        assert bool(wall.matches(notice_sound[: 2 * sound.RATE], sound.RATE, channel)) == (i in (1, 2, 3)), i
        assert len(wall.matches(flood_sound, sound.RATE, channel)) == (i in (3, 4)), i
        found = [wall.matches(piece, CALL_RATE, channel, least=0.75) for piece in words]
        heard = [(n, max(m, key=lambda match: match.score).time_ns) for n, m in enumerate(found) if m]
        assert len(heard) >= 5 if i in (6, 7) else not heard, (i, heard)
        for (n, at), (later, then) in zip(heard, heard[1:]):
            # The reserve makes it faster or slower, by much less.
            assert abs((then - at) / (later - n) - 0.5e9) <= 0.025e9, (i, heard)
    assert np.ptp(20 * np.log10(gains)) < 0.01, gains
    for i in (0, 5):
        assert walls[i // 4].find(music_sound, sound.RATE, i % 4).snr_db >= 60
