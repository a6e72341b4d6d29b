/* ingest.h - how the daemon and the program dalaba-ingest speak (docs/architecture.md:
 * Ingest).
 *
 * dalaba-ingest reads an audio file on fd 0 (a regular file, read-only), writes Ogg Opus
 * on fd 1 (an empty regular file, read-write) and one JSON report on fd 3 (a pipe). It
 * opens no file, no socket and no process: before the first byte is read it gives up
 * every right (Landlock, namespaces where there are any, seccomp, rlimits).
 *
 * Report, exit 0:  {"kept": true|false, "duration_ms", "channels", "loudness_lufs":
 * number|null, "true_peak_dbtp": number|null, "input": "FLAC, 44100 Hz, 2 channels",
 * "gain_db": number, "output_lufs": number|null, "level_limit": "none" or as in
 * levelling.h}
 * kept: fd 0 was Opus and fits as it is; fd 1 stays empty.
 * Report, exit 1:  {"error": "sentence with the decoder's words", "errno": EINVAL, or
 * EFBIG where it is too large or too long}   the upload is at fault (422).
 * Report, exit 2:  {"error", "errno"}   the box is at fault: ENOSPC where the disk is
 * full (507), anything else 500. A signal, or no report, is a 500 as well.
 *
 * Loudness and true peak are those of what the engine plays: the average of the channels.
 * loudness null: silence. gain_db is what it is to be played at, output_lufs how loud it
 * comes out then, behind its limiter. Mono and stereo stay as they are, more channels are
 * mixed to mono. */
#pragma once

#define INGEST_REPORT_FD 3
#define INGEST_BYTES_MAX (200LL * 1000 * 1000)
#define INGEST_DURATION_MAX_MS (4LL * 3600 * 1000)
#define INGEST_REPORT_MAX 4096
