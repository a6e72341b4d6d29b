"""dalaba-ingest: every format in, Ogg Opus of the same length and place out, and nothing else."""
import io
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ingest_run import ingest, start, finish

RATE = 48000


def run(*command, stdin=None):
    return subprocess.run([str(c) for c in command], input=stdin, check=True, capture_output=True).stdout


def make_sound(seconds=3.0, rate=48000, channels=1, seed=1):
    """Speech-like: bursts of band-limited noise and tones, so that a shift in time shows."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    t = np.arange(n) / rate
    out = np.zeros((n, channels))
    for c in range(channels):
        tone = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in (220, 310, 523, 1250, 1900))
        envelope = np.interp(t, np.arange(0, seconds + 0.2, 0.1), rng.uniform(0, 1, int(seconds / 0.1) + 3)[: len(np.arange(0, seconds + 0.2, 0.1))])
        out[:, c] = 0.12 * tone * envelope
    return out


def wav_bytes(sound, rate, bits):
    """WAV by hand: 8, 16, 24 bits, or 'float'."""
    channels = sound.shape[1]
    if bits == "float":
        body, tag, width = sound.astype("<f4").tobytes(), 3, 4
    elif bits == 8:
        body, tag, width = (np.round(sound * 127) + 128).astype("u1").tobytes(), 1, 1
    elif bits == 16:
        body, tag, width = np.round(sound * 32767).astype("<i2").tobytes(), 1, 2
    else:
        wide = np.round(sound * 8388607).astype("<i4").reshape(-1, 1).view("u1").reshape(-1, 4)
        body, tag, width = wide[:, :3].tobytes(), 1, 3
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, width * 8)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def opus_frames(opus: bytes, tmp_path) -> np.ndarray:
    """Decoded by opusdec, which is not ours, at 48 kHz float: frames x channels."""
    path = tmp_path / "decode.opus"
    path.write_bytes(opus)
    out = tmp_path / "decode.wav"
    run("opusdec", "--quiet", "--float", "--rate", RATE, path, out)
    data = out.read_bytes()
    fmt = data.index(b"fmt ")
    channels = struct.unpack_from("<H", data, fmt + 10)[0]
    at = data.index(b"data") + 8
    return np.frombuffer(data[at:], "<f4").reshape(-1, channels)


def at_48k(sound, rate):
    if rate == RATE:
        return sound
    n = round(len(sound) * RATE / rate)
    at = np.arange(n) * rate / RATE
    return np.stack([np.interp(at, np.arange(len(sound)), sound[:, c]) for c in range(sound.shape[1])], axis=1)


def best_lag(a, b, reach=400):
    """Frames by which b lies behind a."""
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    size = 1 << (2 * n - 1).bit_length()
    cross = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    lags = np.arange(-reach, reach + 1)
    return int(lags[np.argmax(cross[lags])])


def assert_same_sound(opus, sound, rate, tmp_path, near=0.98, lag_max=1):
    got = opus_frames(opus, tmp_path)
    assert abs(len(got) / RATE - len(sound) / rate) <= 0.001
    want = at_48k(sound, rate)
    n = min(len(got), len(want))
    for c in range(want.shape[1]):
        assert abs(best_lag(want[:, c], got[:, c])) <= lag_max
        assert np.corrcoef(want[:n, c], got[:n, c])[0, 1] > near


def assert_done(result, **facts):
    assert result.code == 0, result.report
    for name, value in facts.items():
        assert result.report[name] == value, (name, result.report)


def assert_refused(result, words, errno=22):
    assert result.code == 1, result
    assert re.search(words, result.report["error"]), result.report
    assert result.report["errno"] == errno
    assert "\n" not in result.report["error"] and 20 < len(result.report["error"]) < 300


@pytest.mark.parametrize("bits", [8, 16, 24, "float"])
@pytest.mark.parametrize("rate,channels", [(8000, 1), (16000, 1), (22050, 1), (44100, 2), (48000, 1), (48000, 2), (96000, 2), (192000, 1)])
def test_wav(tmp_path, bits, rate, channels):
    sound = make_sound(2.3457, rate, channels)
    result = ingest(wav_bytes(sound, rate, bits))
    word = "channel" if channels == 1 else "channels"
    assert_done(result, kept=False, channels=channels, input=f"WAV, {rate} Hz, {channels} {word}")
    assert abs(result.report["duration_ms"] - 1000 * len(sound) / rate) <= 1
    assert_same_sound(result.opus, sound, rate, tmp_path, near=0.95 if bits == 8 else 0.98)


ENCODERS = {
    "flac": (["flac", "-s", "-f", "IN", "-o", "OUT"], "FLAC", 0),
    "mp3-cbr": (["lame", "--quiet", "--cbr", "-b", "128", "IN", "OUT"], "MP3", 100),
    "mp3-vbr": (["lame", "--quiet", "-V", "4", "IN", "OUT"], "MP3", 100),
    "mp3-id3": (["lame", "--quiet", "--id3v2-only", "--tt", "通知", "--ta", "村委会", "IN", "OUT"], "MP3", 100),
    "mp3-ffmpeg": (["ffmpeg", "-v", "error", "-y", "-i", "IN", "-metadata", "title=x", "OUT"], "MP3", 100),
    "vorbis": (["oggenc", "-Q", "IN", "-o", "OUT"], "Ogg Vorbis", 1),
    "aiff": (["sox", "IN", "OUT"], "AIFF", 0),
}
ENDINGS = {"flac": "flac", "vorbis": "ogg", "aiff": "aiff"}


def encoded(tmp_path, kind, sound, rate) -> Path:
    source = tmp_path / "source.wav"
    source.write_bytes(wav_bytes(sound, rate, 16))
    target = tmp_path / f"target.{ENDINGS.get(kind, 'mp3')}"
    names = {"IN": source, "OUT": target}
    run(*[names.get(word, word) for word in ENCODERS[kind][0]])
    return target


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("rate,channels", [(44100, 2), (48000, 1), (24000, 1)])
def test_encoders(tmp_path, kind, rate, channels):
    sound = make_sound(3.2, rate, channels)
    result = ingest(encoded(tmp_path, kind, sound, rate))
    assert_done(result, kept=False, channels=channels)
    assert result.report["input"].startswith(ENCODERS[kind][1]), result.report
    slack_ms = ENCODERS[kind][2]
    assert abs(result.report["duration_ms"] - 3200) <= slack_ms
    got = opus_frames(result.opus, tmp_path)
    assert abs(len(got) / RATE * 1000 - result.report["duration_ms"]) <= 1
    if slack_ms <= 1:
        assert_same_sound(result.opus, sound, rate, tmp_path, near=0.95)


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_is_kept_bit_for_bit(tmp_path, channels):
    (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(3.0, RATE, channels), RATE, 16))
    run("opusenc", "--quiet", tmp_path / "in.wav", tmp_path / "in.opus")
    result = ingest(tmp_path / "in.opus")
    assert_done(result, kept=True, channels=channels, duration_ms=3000)
    assert result.opus == b""
    assert result.report["input"].startswith("Ogg Opus, 48000 Hz")


def test_own_output_is_kept():
    first = ingest(wav_bytes(make_sound(2.0, 44100, 2), 44100, 16))
    again = ingest(first.opus)
    assert_done(again, kept=True, duration_ms=2000)
    assert abs(again.report["loudness_lufs"] - first.report["loudness_lufs"]) < 0.3


def test_the_same_bytes_give_the_same_bytes():
    wav = wav_bytes(make_sound(2.0, 44100, 2), 44100, 16)
    assert ingest(wav).opus == ingest(wav).opus


def test_chained_and_surround_opus_are_encoded_anew(tmp_path):
    pieces = []
    for channels in (1, 2):
        (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(1.0, RATE, channels), RATE, 16))
        run("opusenc", "--quiet", "--serial", 100 + channels, tmp_path / "in.wav", tmp_path / "in.opus")
        pieces.append((tmp_path / "in.opus").read_bytes())
    result = ingest(b"".join(pieces))
    assert_done(result, kept=False, channels=2, duration_ms=2000)
    (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(1.0, RATE, 6), RATE, 16))
    run("opusenc", "--quiet", tmp_path / "in.wav", tmp_path / "in.opus")
    result = ingest(tmp_path / "in.opus")
    assert_done(result, kept=False, channels=1, duration_ms=1000)


def ogg_crc(data):
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x104C11DB7 if crc & 0x80000000 else crc << 1
    return crc


def changed_page(ogg, number, form, offset, value):
    """The file with one value of a page changed, counted from the end of its table, and its sum right."""
    at = 0
    for n in range(number + 1 if number >= 0 else ogg.count(b"OggS") + number + 1):
        start = at
        table = 27 + ogg[at + 26]
        at += table + sum(ogg[at + 27 : at + table])
    page = bytearray(ogg[start:at])
    struct.pack_into(form, page, offset if offset < 27 else 27 + page[26] + offset - 27, value)
    page[22:26] = bytes(4)
    page[22:26] = struct.pack("<I", ogg_crc(page))
    return ogg[:start] + bytes(page) + ogg[at:]


@pytest.mark.parametrize(
    "where,kept,duration_ms",
    [
        # The header's output gain, in 1/256 dB: a little is played as it is measured ...
        ((0, "<h", 27 + 16, -10 * 256), True, 3000),
        # ... but nobody measures what goes far beyond full scale, nor is to play it.
        ((0, "<h", 27 + 16, 40 * 256), False, 3000),
        # The last time stamp is a second late, as where a recorder left out a pause: whoever plays
        # the file by its stamps finds it cut off.
        ((-1, "<q", 6, 312 + 4 * RATE), False, 3014),
    ],
)
def test_opus_that_does_not_play_as_measured_is_encoded_anew(tmp_path, where, kept, duration_ms):
    (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(3.0), RATE, 16))
    run("opusenc", "--quiet", tmp_path / "in.wav", tmp_path / "in.opus")
    result = ingest(changed_page((tmp_path / "in.opus").read_bytes(), *where))
    assert_done(result, kept=kept, duration_ms=duration_ms)
    if not kept:
        got = opus_frames(result.opus, tmp_path)
        assert abs(len(got) / RATE * 1000 - duration_ms) <= 1 and np.max(np.abs(got)) < 4
        again = ingest(result.opus)
        assert_done(again, kept=True, duration_ms=duration_ms)


def test_damaged_opus_is_refused(tmp_path):
    (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(20.0), RATE, 16))
    run("opusenc", "--quiet", tmp_path / "in.wav", tmp_path / "in.opus")
    opus = bytearray((tmp_path / "in.opus").read_bytes())
    opus[len(opus) // 2] ^= 0x55
    assert_refused(ingest(bytes(opus)), "damaged at [0-9]+ ms: ")


def test_six_channels_become_their_average(tmp_path):
    sound = make_sound(2.0, RATE, 6)
    result = ingest(wav_bytes(sound, RATE, 16))
    assert_done(result, channels=1, input="WAV, 48000 Hz, 6 channels")
    assert_same_sound(result.opus, sound.mean(axis=1, keepdims=True), RATE, tmp_path)


def sine(hz, seconds, db, channels=1):
    t = np.arange(int(seconds * RATE)) / RATE
    return np.repeat((10 ** (db / 20) * np.sin(2 * np.pi * hz * t))[:, None], channels, axis=1)


@pytest.mark.parametrize(
    "name,sound,lufs,dbtp",
    [
        # EBU Tech 3341: a 1 kHz sine at -23 dBFS in one channel is -26 LUFS.
        ("mono", sine(1000, 5, -23), -26.0, -23.0),
        # The same in both channels is, as one horn plays it, the same.
        ("stereo", sine(1000, 5, -23, 2), -26.0, -23.0),
        # Opposite channels cancel on a horn: silence, and said so.
        ("opposite", sine(1000, 5, -23, 2) * [1, -1], None, None),
        ("silence", np.zeros((RATE, 1)), None, None),
        # Shorter than the block of 400 ms that the standard measures.
        ("beep", sine(1000, 0.1, -23), -26.0, -23.0),
    ],
)
def test_loudness_is_what_the_horn_plays(name, sound, lufs, dbtp):
    report = ingest(wav_bytes(sound, RATE, 24)).report
    if lufs is None:
        assert report["loudness_lufs"] is None and report["true_peak_dbtp"] is None
    else:
        assert abs(report["loudness_lufs"] - lufs) < 0.3, report
        assert abs(report["true_peak_dbtp"] - dbtp) < 0.3, report


def png():
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(500)


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("a.txt", "hello")
    return out.getvalue()


REFUSED = {
    "empty": (b"", "empty"),
    "one byte": (b"R", "not audio that can be decoded"),
    "text": ("明天上午停水。\n".encode() * 100, "not audio that can be decoded"),
    "png": (png(), "a PNG picture"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(400), "a JPEG picture"),
    "zip": (zipped(), "a ZIP archive"),
    "pdf": (b"%PDF-1.7\n" + bytes(300), "a PDF"),
    "elf": (b"\x7fELF" + bytes(300), "a program"),
    "m4a": (b"\0\0\0\x20ftypM4A " + bytes(300), "M4A"),
    "amr": (b"#!AMR\n" + bytes(300), "AMR"),
    "zeros": (bytes(5000), "not audio that can be decoded"),
    "wav header only": (wav_bytes(np.zeros((0, 1)), RATE, 16), "no sound"),
    "half a wav header": (wav_bytes(make_sound(1), RATE, 16)[:30], "cannot|not audio|no sound"),
    "opus header only": (b"OggS\0\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01", "Opus|not audio"),
    "not numbers": (wav_bytes(np.full((5000, 1), np.nan), RATE, "float"), "not numbers"),
    "rate of 100 Hz": (wav_bytes(np.zeros((500, 1)), 100, 16), "100 Hz"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_audio_is_refused(name):
    upload, words = REFUSED[name]
    result = ingest(upload)
    assert_refused(result, words)
    assert result.opus == b""


def test_random_bytes_are_refused():
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for size in (2, 10, 100, 1000, 10000, 300000):
        # Behind an MP3's sync bits almost anything may decode to a short noise; without, nothing does.
        body = bytes([rng.randrange(1, 0xF0)]) + rng.randbytes(size - 1)
        result = ingest(body)
        assert result.code in (0, 1), (size, result)
        assert result.report is not None
        if result.code == 1:
            assert_refused(result, "[a-z]")


@pytest.mark.parametrize("kind", ["flac", "mp3-cbr", "vorbis", "wav", "opus"])
def test_cut_off_anywhere_ends_in_an_answer(tmp_path, kind):
    sound = make_sound(2.0, 44100, 1)
    if kind == "wav":
        whole = wav_bytes(sound, 44100, 16)
    elif kind == "opus":
        whole = ingest(wav_bytes(sound, 44100, 16)).opus
    else:
        whole = encoded(tmp_path, kind, sound, 44100).read_bytes()
    for cut in (1, 4, 10, 40, 100, 300, 1000, len(whole) // 2, len(whole) - 1):
        result = ingest(whole[:cut])
        assert result.code in (0, 1), (cut, result)
        if kind == "flac" and result.code == 0:
            pytest.fail(f"a FLAC file cut at {cut} was taken")
        if result.code == 0:
            assert 0 < result.report["duration_ms"] <= 2100


def test_rubbish_behind_an_mp3_is_passed_over(tmp_path):
    mp3 = encoded(tmp_path, "mp3-cbr", make_sound(2.0, 44100, 2), 44100).read_bytes()
    tag = b"TAG" + "村广播".encode() + bytes(116)
    for tail in (tag[:128], bytes(4000), b"<html>moved</html>" * 50):
        result = ingest(mp3 + tail)
        assert_done(result)
        assert abs(result.report["duration_ms"] - 2000) < 100


def plain_mp3(tmp_path, *options, seconds=10.0):
    """An MP3 that does not say how long it is, as it comes out of recorders and streams."""
    (tmp_path / "in.wav").write_bytes(wav_bytes(make_sound(seconds, 44100), 44100, 16))
    run("ffmpeg", "-v", "error", "-y", "-i", tmp_path / "in.wav", "-write_xing", 0, "-id3v2_version", 0,
        *options, tmp_path / "plain.mp3")  # fmt: skip
    return (tmp_path / "plain.mp3").read_bytes()


@pytest.mark.parametrize("options", [("-q:a", 4), ("-b:a", "64k")])
def test_an_mp3_that_says_no_length_is_taken_whole(tmp_path, options):
    mp3 = plain_mp3(tmp_path, *options)
    assert b"Xing" not in mp3 and b"Info" not in mp3
    for upload, seconds in ((mp3, 10), (mp3 + mp3, 20), (mp3 + bytes(300000), 10)):
        result = ingest(upload)
        assert_done(result)
        assert abs(result.report["duration_ms"] - seconds * 1000) < 150, result.report


@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr", "plain", "vorbis"])
def test_half_a_recording_is_not_taken_for_the_whole(tmp_path, kind):
    """The decoders end quietly where a file is damaged, or where the first of several joined ones does."""
    sound = make_sound(10.0, 44100)
    whole = plain_mp3(tmp_path, "-q:a", 4) if kind == "plain" else encoded(tmp_path, kind, sound, 44100).read_bytes()
    middle = len(whole) // 2
    assert_refused(ingest(whole[:middle] + bytes(6000) + whole[middle + 6000 :]), "damaged")
    if kind.startswith("mp3"):
        assert_refused(ingest(whole[:middle]), "cut off: it decodes only to [0-9]+ of 10000 ms")
    if kind != "plain":
        assert_refused(ingest(whole + whole), "export it as one")


def test_a_large_cover_picture_is_passed_over(tmp_path):
    mp3 = encoded(tmp_path, "mp3-id3", make_sound(2.0, 44100, 2), 44100)
    cover = tmp_path / "cover.png"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=600x600,geq=random(1)*255:128:128", "-frames:v", 1, cover)
    out = tmp_path / "cover.mp3"
    run("ffmpeg", "-v", "error", "-i", mp3, "-i", cover, "-map", 0, "-map", 1, "-c", "copy", "-id3v2_version", 3, out)
    assert out.stat().st_size > 200000
    assert_done(ingest(out), channels=2)


def test_a_stream_without_length_is_taken():
    """As espeak-ng and ffmpeg write it into a pipe."""
    whole = bytearray(wav_bytes(make_sound(1.5), RATE, 16))
    struct.pack_into("<I", whole, 4, 0xFFFFFFFF)
    struct.pack_into("<I", whole, whole.index(b"data") + 4, 0xFFFFFFFF)
    assert_done(ingest(bytes(whole)), duration_ms=1500)


def sparse_wav(tmp_path, seconds, rate=8000):
    head = wav_bytes(np.zeros((0, 1)), rate, 8)[:-4] + struct.pack("<I", seconds * rate)
    path = tmp_path / "long.wav"
    with open(path, "wb") as f:
        f.write(head)
        f.truncate(len(head) + seconds * rate)
    return path


def test_too_long_and_too_large(tmp_path):
    assert_refused(ingest(sparse_wav(tmp_path, 4 * 3600 + 2)), "longer than 240 minutes", errno=27)
    path = tmp_path / "large"
    with open(path, "wb") as f:
        f.truncate(200_000_001)
    assert_refused(ingest(path), "larger than 200 MB", errno=27)


def test_a_full_disk_is_the_boxs_fault(tmp_path):
    with open("/dev/full", "wb") as full:
        result = ingest(wav_bytes(make_sound(2.0), RATE, 16), limits=lambda: os.dup2(full.fileno(), 1))
    assert result.code == 2
    assert result.report["errno"] == 28, result.report


def test_a_signal_ends_it():
    process, out, pipe = start(wav_bytes(make_sound(120.0), RATE, 16))
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    result = finish(process, out, pipe)
    assert result.code == -signal.SIGKILL and result.report is None


def test_a_pipe_is_no_upload():
    read_end, write_end = os.pipe()
    result = ingest(b"x", limits=lambda: os.dup2(read_end, 0))
    os.close(read_end)
    os.close(write_end)
    assert result.code == 2 and "fd 0" in result.report["error"]
