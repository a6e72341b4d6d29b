"""What a village does to its box: cards that are missing, pulled out, hung; clips, zones and
schedules deleted at the wrong moment; disks that fill. Each ends in a sentence that a clerk can
act on, and everything else plays on."""

import os
import shutil
import time

import pytest

from conftest import Village, fill_disk
from rig import sound
from rig.capture import Capture
from rig.daemon import outcome

DITHER_LSB = 1.5


@pytest.fixture
def with_second_card(make_box, cards, folder):
    """A village with a second card and a zone on it. Cards come before the box: ALSA reads
    its configuration once."""

    def make(name="second", asked=2, **options):
        horn, card = cards.add("horn"), cards.add(name, **options)
        village = Village(make_box().start(), horn, folder)
        output = village.box.output(card.pcm, channels=asked)
        return village, card, village.box.zone(name, output, [asked - 1])

    return make


def is_sentence(text, *words):
    assert text and len(text) > 10, text
    for word in words:
        assert word in text, f"'{word}' is not in: {text}"
    return True


@pytest.mark.threads
def test_missing_card_fails_alone(with_second_card):
    village, broken, zone = with_second_card("broken", fail_open=5)
    clip, reference = village.clip(1.0, seed=1)
    status = village.box.wait_zone(zone, "fault")
    is_sentence(status["fault"], "Input/output error", "broken")
    run = village.box.wait_run(village.push([village.left, zone], clip=clip["id"]))
    assert outcome(run, village.left)["outcome"] == "played"
    row = outcome(run, zone)
    assert row["outcome"] == "failed" and is_sentence(row["reason"], "Input/output error")
    faults = village.api.get("/status")["faults"]
    assert any("broken" in str(f) for f in faults), faults
    village.box.close()
    assert Capture(village.card.capture).find(reference, sound.RATE, 0).snr_db >= 60


def test_unknown_pcm_name(village):
    zone = village.box.zone("typo", village.box.output("no_such_pcm"), [0])
    is_sentence(village.box.wait_zone(zone, "fault")["fault"], "no_such_pcm")


def test_card_with_fewer_channels(with_second_card):
    village, _, zone = with_second_card("mono", channels=1)
    is_sentence(village.box.wait_zone(zone, "fault")["fault"], "channel")


@pytest.mark.threads
def test_unplugged_in_the_middle_and_back(with_second_card):
    village, second, zone = with_second_card()
    clip, reference = village.clip(4.0, seed=2)
    run = village.push([village.left, zone], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    time.sleep(1)
    second.unplug()
    status = village.box.wait_zone(zone, "fault", within_s=10)
    is_sentence(status["fault"], "second")
    done = village.box.wait_run(run)
    assert outcome(done, village.left)["outcome"] == "played"
    row = outcome(done, zone)
    assert row["outcome"] == "failed" and is_sentence(row["reason"]), row
    assert 500 <= row["played_ms"] <= 3000, row
    second.plug()
    village.box.wait_for(
        lambda: village.box.zone_status(zone)["state"] == "idle", 40, "the card to rejoin"
    )
    again = village.box.wait_run(village.push([zone], clip=clip["id"]))
    assert again["state"] == "played", again
    village.box.close()
    assert Capture(village.card.capture).find(reference, sound.RATE, 0).snr_db >= 60
    pieces = Capture(second.capture)
    assert "unplugged" in pieces.reasons
    assert pieces.matches(reference, sound.RATE, 1)[-1].snr_db >= 60


@pytest.mark.threads
@pytest.mark.parametrize("how", ["hang", "stall"])
def test_stuck_card_harms_no_other(with_second_card, how):
    village, second, zone = with_second_card()
    clip, reference = village.clip(3.0, seed=3)
    stuck = second.hang_file if how == "hang" else second.stall_file
    run = village.push([village.left, zone], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    time.sleep(0.5)
    stuck.touch()
    is_sentence(village.box.wait_zone(zone, "fault", within_s=10)["fault"], "second")
    village.box.wait_for(
        lambda: outcome(village.box.run(run), village.left)["outcome"] == "played", 15, "played"
    )
    later = village.push([village.left], clip=clip["id"])
    village.box.wait_run(later, states=("played",))
    stuck.unlink()
    row = outcome(village.box.wait_run(run), zone)
    assert row["outcome"] == "failed" and is_sentence(row["reason"]), row
    village.box.wait_zone(zone, "idle", within_s=40)
    assert village.box.wait_run(village.push([zone], clip=clip["id"]))["state"] == "played"
    village.box.close()
    assert min(m.snr_db for m in Capture(village.card.capture).matches(reference, 48000, 0)) >= 60


@pytest.mark.threads
def test_stops_with_a_hung_card(with_second_card):
    """SIGTERM is answered within two seconds even where a driver never returns."""
    village, second, zone = with_second_card()
    clip, _ = village.clip(3.0, seed=4)
    run = village.push([zone], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    second.hang_file.touch()
    time.sleep(0.5)
    village.box.stop()


def test_clip_in_use_is_kept(village):
    clip, _ = village.clip(0.5, seed=5)
    announcement = village.announcement(clip, "in use")
    problem = village.api.refused("DELETE", f"/clips/{clip['id']}", 409)
    is_sentence(problem["detail"], "in use")
    rule, _ = village.box.at(3600)
    schedule = village.box.schedule(announcement, [village.left], rule)
    is_sentence(village.api.refused("DELETE", f"/announcements/{announcement}", 409)["detail"])
    is_sentence(village.api.refused("DELETE", f"/outputs/{village.output}", 409)["detail"])
    village.api.delete(f"/schedules/{schedule}")
    village.api.delete(f"/announcements/{announcement}")
    village.api.delete(f"/clips/{clip['id']}")
    village.api.refused("GET", f"/clips/{clip['id']}", 404)


def test_clip_file_vanished(village):
    """Somebody cleaned the disk by hand."""
    clip, _ = village.clip(0.5, seed=6)
    rule, _ = village.box.at(6)  # three seconds ahead the engine opens it
    schedule = village.box.schedule(village.announcement(clip), [village.left], rule)
    (file,) = village.box.data_dir.glob(f"clips/*/{clip['id']}*")
    file.unlink()
    run = village.box.wait_scheduled_run(schedule)
    row = outcome(run, village.left)
    assert row["outcome"] == "failed" and is_sentence(row["reason"], "upload"), row
    other, reference = village.clip(0.5, seed=7)
    assert village.box.wait_run(village.push([village.left], clip=other["id"]))["state"] == "played"


def test_clip_file_damaged(village):
    clip, _ = village.clip(2.0, seed=8)
    (file,) = village.box.data_dir.glob(f"clips/*/{clip['id']}*")
    os.chmod(file, 0o644)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    row = outcome(
        village.box.wait_run(village.push([village.left], clip=clip["id"])), village.left
    )
    # Half a file is half a sound: it may be heard, but never as `played`.
    assert row["outcome"] == "failed" and is_sentence(row["reason"]), row
    file.write_bytes(b"not audio at all")
    row = outcome(
        village.box.wait_run(village.push([village.left], clip=clip["id"])), village.left
    )
    assert row["outcome"] == "failed" and is_sentence(row["reason"]), row


@pytest.mark.threads
def test_zone_deleted_while_it_sounds(village):
    clip, reference = village.clip(4.0, seed=9)
    run = village.push([village.left, village.right], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    time.sleep(0.5)
    village.api.delete(f"/zones/{village.left}")
    done = village.box.wait_run(run)
    row = outcome(done, village.left)
    assert row["outcome"] in ("cut", "cancelled") and is_sentence(row["reason"], "deleted"), row
    assert outcome(done, village.right)["outcome"] == "played"
    village.box.close()
    got = Capture(village.card.capture)
    assert got.find(reference, sound.RATE, 1).snr_db >= 60
    ((first, last),) = got.sounding(0)
    assert last - first < 3e9


@pytest.mark.threads
def test_deleted_or_disabled_before_it_is_due(village):
    clip, reference = village.clip(0.5, seed=10)
    announcement = village.announcement(clip)
    rule, _ = village.box.at(8)  # three seconds ahead it is claimed, whatever comes then
    gone = village.box.schedule(announcement, [village.left], rule)
    off = village.box.schedule(announcement, [village.left], rule)
    moved = village.box.schedule(announcement, [village.left], rule)
    village.api.delete(f"/schedules/{gone}")
    village.api.patch(f"/schedules/{off}", {"enabled": False})
    village.api.patch(f"/schedules/{moved}", {"zones": [village.right]})
    run = village.box.wait_scheduled_run(moved)
    assert [z["zone"] for z in run["zones"]] == [village.right] and run["state"] == "played"
    assert {r.get("schedule") for r in village.box.runs_of()} == {moved}
    village.box.close()
    got = Capture(village.card.capture)
    got.find(reference, sound.RATE, 1)
    assert got.loudest(0) <= DITHER_LSB


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_in_the_middle(village, how):
    clip, reference = village.clip(6.0, seed=12)
    run = village.push([village.left], clip=clip["id"])
    waiting = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    time.sleep(1)
    village.box.stop() if how == "stop" else village.box.kill()
    village.box.start()
    row = outcome(village.box.wait_run(run, 5), village.left)
    assert row["outcome"] == "cut" and is_sentence(row["reason"]), row
    row = outcome(village.box.wait_run(waiting, 5), village.left)
    assert row["outcome"] in ("missed", "cut", "cancelled") and is_sentence(row["reason"]), row
    again = village.box.wait_run(village.push([village.left], clip=clip["id"]), 20)
    assert again["state"] == "played"
    village.box.close()
    heard = Capture(village.card.capture).matches(reference[:24000], sound.RATE, 0)
    assert len(heard) == 2, "what was cut is not played again"


def test_down_at_the_due_time(village):
    """Late within what the schedule allows: once; later than that: missed."""
    clip, reference = village.clip(0.5, seed=13)
    announcement = village.announcement(clip)
    rule, due = village.box.at(6)
    late = village.box.schedule(announcement, [village.left], rule, missed={"play_within_s": 600})
    never = village.box.schedule(announcement, [village.right], rule, missed="skip")
    village.box.kill()
    time.sleep(max(0, due.timestamp() + 3 - time.time()))
    village.box.start()
    row = outcome(village.box.wait_scheduled_run(late), village.left)
    assert row["outcome"] == "played" and row["late_ms"] >= 2500, row
    row = outcome(village.box.wait_scheduled_run(never), village.right)
    assert row["outcome"] == "missed" and is_sentence(row["reason"]), row
    village.box.close()
    got = Capture(village.card.capture)
    got.find(reference, sound.RATE, 0)
    assert got.loudest(1) <= DITHER_LSB


def test_disk_full(make_box, cards, folder, small_disk):
    card = cards.add("horn")
    box = make_box(config={"daemon": {"data_dir": small_disk}}).start()
    village = Village(box, card, folder)
    clip, reference = village.clip(4.0, seed=14)
    announcement = village.announcement(clip)
    assert village.api.get("/status")["faults"] == []
    rule, _ = box.at(6)
    schedule = box.schedule(announcement, [village.right], rule)
    run = village.push([village.left], clip=clip["id"])
    box.wait_run(run, states=("playing",))
    filler = fill_disk(small_disk)
    wav = sound.write_wav(folder / "more.wav", sound.noise(3, 15))
    problem = village.api.refused("POST", "/clips", 507, data=wav.read_bytes())
    is_sentence(problem["detail"], "full")
    refused = None
    for n in range(1, 400):  # the log of the database may hold a little more
        response = village.api.raw("POST", "/areas", body={"code": f"3301{n:08d}", "name": "x" * 90})
        if response.status_code != 201:
            refused = response
            break
    assert refused is not None and refused.status_code == 507, refused
    is_sentence(refused.json()["detail"], "full")

    def nearly_full():
        faults = village.api.get("/status")["faults"]
        return [f["text"] for f in faults if f["source"] == "disk space"]

    (text,) = box.wait_for(nearly_full, 12, "the fault")
    is_sentence(text, "full", str(small_disk), "delete")
    time.sleep(8)  # the push plays to its end, and the schedule is heard, record or not
    assert shutil.disk_usage(small_disk).free < 65536
    filler.unlink()
    box.wait_for(
        lambda: village.api.raw("POST", "/areas", body={"code": "44", "name": "y"}).status_code
        in (201, 409), 20, "the disk to be usable again",
    )  # fmt: skip
    box.wait_for(lambda: not village.api.get("/status")["faults"], 12, "the faults to be over")
    # What the disk did not take then is in the record now.
    assert box.wait_run(run, 5)["zones"][0]["outcome"] == "played"
    planned = box.wait_scheduled_run(schedule, 5)
    assert planned["zones"][0]["outcome"] == "played" and planned["zones"][0]["played_ms"] > 3900
    box.close()
    got = Capture(card.capture)
    assert got.find(reference, sound.RATE, 0).snr_db >= 60
    assert got.find(reference, sound.RATE, 1).snr_db >= 60, f"schedule {schedule} was not heard"
