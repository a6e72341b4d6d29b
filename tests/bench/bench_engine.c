/* bench_engine.c - what the engine costs: CPU per second of audio and memory, with one
 * programme in 1, 16 and 64 zones at 44.1 kHz, against the bare libraries (libopusfile,
 * soxr) decoding and converting the same file once, in the same run. Prints a table.
 *
 * Every zone has a card of tests/alsa-clock of its own (the last row: eight cards of
 * eight zones). Each measurement is a process of its own, so that memory is that of one.
 * The card is part of the process: what it costs is measured by playing silence into as
 * many by plain snd_pcm_writei, and shown. */
#include "audio/engine.h"
#include "audio/recorder.h"
#include "tests/rig/alsa_clock.h"

#include <alsa/asoundlib.h>
#include <opus/opusenc.h>
#include <opus/opusfile.h>
#include <math.h>
#include <poll.h>
#include <soxr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RATE 44100
#define CARDS_MAX 64
#define CLIP_S 60
#define SETTLE_S 2.0
#define MEASURE_S 10.0

struct result {
	double cpu_ms; /* per second of audio */
	long rss_kb;
	long anonymous_kb;
	bool ok;
};

static char folder[64];
static double gain_db;            /* of every zone */
static struct recorder *recorder; /* NULL: nothing is recorded */

static double cpu_s(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now_s(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long memory_kb(const char *field) {
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, field, strlen(field)) == 0) {
			kb = strtol(line + strlen(field), NULL, 10);
		}
	}
	if (f != NULL) {
		fclose(f);
	}
	return kb;
}

static void path_of(char *to, size_t size, const char *name) {
	snprintf(to, size, "%s/%s", folder, name);
}

/* Something like speech: noise through slow formants, at -20 dBFS. */
static bool write_clip(const char *path) {
	int code = 0;
	OggOpusComments *comments = ope_comments_create();
	OggOpusEnc *enc = ope_encoder_create_file(path, comments, 48000, 1, 0, &code);
	if (enc == NULL) {
		return false;
	}
	ope_encoder_ctl(enc, OPUS_SET_BITRATE(64000));
	uint32_t seed = 1;
	double a = 0.0;
	double b = 0.0;
	for (int block = 0; block < CLIP_S * 100; block++) {
		float x[480];
		for (int i = 0; i < 480; i++) {
			double t = (block * 480 + i) / 48000.0;
			seed = seed * 1664525U + 1013904223U;
			double noise = (double)(seed >> 8) / 8388608.0 - 1.0;
			a += (noise - a) * (0.05 + 0.04 * sin(2 * M_PI * 3 * t));
			b += (a - b) * 0.5;
			x[i] = (float)(0.8 * b * (0.6 + 0.4 * sin(2 * M_PI * 4 * t)));
		}
		ope_encoder_write_float(enc, x, 480);
	}
	code = ope_encoder_drain(enc);
	ope_encoder_destroy(enc);
	ope_comments_destroy(comments);
	return code == OPE_OK;
}

static bool write_conf(int cards, int channels) {
	static struct alsa_clock_card list[CARDS_MAX];
	static char names[CARDS_MAX][16];
	char path[128];
	char count[8];
	snprintf(count, sizeof(count), "%d", channels);
	for (int i = 0; i < cards; i++) {
		snprintf(names[i], sizeof(names[i]), "card%d", i);
		list[i] = (struct alsa_clock_card){
			.name = names[i], .rates = "44100", .channels = count};
	}
	path_of(path, sizeof(path), "asound.conf");
	setenv("ALSA_CONFIG_PATH", path, 1);
	return alsa_clock_conf(path, ALSA_CLOCK_PLUGIN, list, (size_t)cards) == 0;
}

/* ---- the measurements, each in a child ---- */

static struct result bare(int unused, int unused_too) {
	(void)unused;
	(void)unused_too;
	struct result r = {.ok = false};
	char path[128];
	float in[5760];
	float out[5760];
	int64_t frames = 0;
	path_of(path, sizeof(path), "clip.opus");
	double before = cpu_s();
	OggOpusFile *of = op_open_file(path, NULL);
	soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
	soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
	soxr_t soxr = soxr_create(48000, RATE, 1, NULL, &io, &quality, NULL);
	if (of == NULL || soxr == NULL) {
		return r;
	}
	for (int got = 0; (got = op_read_float(of, in, 5760, NULL)) > 0;) {
		size_t used = 0;
		size_t given = 0;
		soxr_process(soxr, in, (size_t)got, &used, out, 5760, &given);
		frames += got;
	}
	r.cpu_ms = (cpu_s() - before) * 1000.0 / ((double)frames / 48000);
	r.rss_kb = memory_kb("VmRSS:");
	r.anonymous_kb = memory_kb("RssAnon:");
	r.ok = frames > 48000;
	op_free(of);
	soxr_delete(soxr);
	return r;
}

/* The cards alone: silence in pieces of 100 ms, by the clock. */
static struct result cards_alone(int cards, int channels) {
	static snd_pcm_t *handles[CARDS_MAX];
	static int16_t silence[RATE / 10 * 8];
	struct result r = {.ok = false};
	for (int i = 0; i < cards; i++) {
		char name[16];
		snprintf(name, sizeof(name), "card%d", i);
		if (snd_pcm_open(&handles[i], name, SND_PCM_STREAM_PLAYBACK,
				 SND_PCM_NONBLOCK) < 0 ||
		    snd_pcm_set_params(handles[i], SND_PCM_FORMAT_S16_LE,
				       SND_PCM_ACCESS_RW_INTERLEAVED,
				       (unsigned int)channels, RATE, 0, 300000) < 0 ||
		    snd_pcm_writei(handles[i], silence, RATE / 10) < 0 ||
		    snd_pcm_writei(handles[i], silence, RATE / 10) < 0) {
			return r;
		}
		(void)snd_pcm_start(handles[i]);
	}
	double before = cpu_s();
	double start = now_s();
	for (int k = 1; now_s() - start < MEASURE_S; k++) {
		double rest = start + k * 0.1 - now_s();
		usleep(rest > 0 ? (useconds_t)(rest * 1e6) : 0);
		for (int i = 0; i < cards; i++) {
			if (snd_pcm_writei(handles[i], silence, RATE / 10) < 0) {
				return r;
			}
		}
	}
	r.cpu_ms = (cpu_s() - before) * 1000.0 / (now_s() - start);
	r.rss_kb = memory_kb("VmRSS:");
	r.anonymous_kb = memory_kb("RssAnon:");
	r.ok = true;
	return r;
}

static size_t run_for(struct engine *e, double seconds, enum engine_event_kind kind) {
	double end = now_s() + seconds;
	size_t n = 0;
	while (now_s() < end) {
		struct engine_event event;
		struct pollfd fd = {.fd = engine_event_fd(e), .events = POLLIN};
		(void)poll(&fd, 1, (int)((end - now_s()) * 1000) + 1);
		while (engine_next_event(e, &event) > 0) {
			n += event.kind == kind;
		}
	}
	return n;
}

static struct engine *start_engine(int cards, int channels) {
	struct engine_config config = {.buffer_ms = 200};
	struct engine *e = NULL;
	if (engine_new(&config, &e, NULL) < 0) {
		return NULL;
	}
	for (int i = 0; i < cards; i++) {
		char name[16];
		snprintf(name, sizeof(name), "card%d", i);
		struct engine_output o = {
			.id = i + 1, .pcm = name, .rate = RATE, .channels = channels};
		int rc = engine_output_set(e, &o, NULL);
		for (int c = 0; rc == 0 && c < channels; c++) {
			struct engine_zone z = {.id = i * channels + c + 1,
						.output = i + 1,
						.channels = &c,
						.n_channels = 1,
						.gain_db = gain_db};
			rc = engine_zone_set(e, &z, NULL);
		}
		if (rc < 0) {
			return NULL;
		}
	}
	return e;
}

/* All that the job sends, into files. */
static bool record(struct engine *e, size_t zones) {
	for (size_t i = 0; recorder != NULL && i < zones; i++) {
		int64_t zone = (int64_t)i + 1;
		char name[32];
		char path[128];
		struct tape *tape = NULL;
		snprintf(name, sizeof(name), "zone%d.opus", (int)zone);
		path_of(path, sizeof(path), name);
		(void)unlink(path);
		if (engine_tape(e, 1, zone, &tape, NULL) < 0 ||
		    recorder_begin(recorder, zone, path, 32, NULL) < 0 ||
		    recorder_add(recorder, zone, tape, NULL) < 0) {
			return false;
		}
	}
	return true;
}

static struct result engine_plays(int cards, int channels) {
	struct result r = {.ok = false};
	size_t zones = (size_t)(cards * channels);
	char path[128];
	path_of(path, sizeof(path), "clip.opus");
	struct engine *e = start_engine(cards, channels);
	struct job *job = job_new(1, zones);
	if (e == NULL || job == NULL) {
		return r;
	}
	run_for(e, 1.0, ENGINE_OUTPUT_OK);
	job->id = 1;
	job->parts[0].kind = JOB_PART_CLIP;
	job->parts[0].path = strdup(path);
	for (size_t i = 0; i < zones; i++) {
		job->zones[i] = (int64_t)i + 1;
	}
	job->taped = recorder != NULL;
	if (engine_submit(e, job, NULL) < 0 || !record(e, zones)) {
		return r;
	}
	size_t started = run_for(e, SETTLE_S, ENGINE_JOB_STARTED);
	double before = cpu_s();
	double start = now_s();
	size_t ended = run_for(e, MEASURE_S, ENGINE_JOB_ENDED);
	r.cpu_ms = (cpu_s() - before) * 1000.0 / (now_s() - start);
	r.rss_kb = memory_kb("VmRSS:");
	r.anonymous_kb = memory_kb("RssAnon:");
	r.ok = started == zones && ended == 0;
	engine_free(e);
	return r;
}

/* So loud that the limiter works most of the time. */
static struct result engine_plays_loud(int cards, int channels) {
	gain_db = 20.0;
	return engine_plays(cards, channels);
}

static void check_end(void *ok, const struct recorder_end *end) {
	/* Nothing was lost, and it is as long as what was played. */
	*(bool *)ok = *(bool *)ok && end->error == 0 && end->lost_ms == 0 &&
		      (double)end->duration_ms > MEASURE_S * 1000.0;
}

static struct result engine_plays_recorded(int cards, int channels) {
	struct result r = {.ok = false};
	if (recorder_new(&recorder, NULL) < 0) {
		return r;
	}
	r = engine_plays(cards, channels);
	recorder_free(recorder, check_end, &r.ok);
	return r;
}

static struct result engine_idle(int cards, int channels) {
	struct result r = {.ok = false};
	struct engine *e = start_engine(cards, channels);
	if (e == NULL) {
		return r;
	}
	run_for(e, SETTLE_S, ENGINE_OUTPUT_OK);
	double before = cpu_s();
	double start = now_s();
	run_for(e, MEASURE_S / 2, ENGINE_OUTPUT_OK);
	r.cpu_ms = (cpu_s() - before) * 1000.0 / (now_s() - start);
	r.rss_kb = memory_kb("VmRSS:");
	r.anonymous_kb = memory_kb("RssAnon:");
	r.ok = true;
	engine_free(e);
	return r;
}

static struct result in_child(struct result (*measure)(int, int), int cards,
			      int channels) {
	struct result r = {.ok = false};
	int fds[2];
	if (!write_conf(cards, channels) || pipe(fds) < 0) {
		return r;
	}
	pid_t child = fork();
	if (child == 0) {
		r = measure(cards, channels);
		_exit(write(fds[1], &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 1);
	}
	close(fds[1]);
	if (child < 0 || read(fds[0], &r, sizeof(r)) != (ssize_t)sizeof(r)) {
		r.ok = false;
	}
	close(fds[0]);
	waitpid(child, NULL, 0);
	return r;
}

/* Alone, or with part of the name of the rows to measure. */
int main(int argc, char **argv) {
	static const struct {
		const char *name;
		struct result (*measure)(int, int);
		int cards;
		int channels;
	} rows[] = {
		{"libopusfile + soxr, one stream", bare, 0, 1},
		{"16 cards alone, silence", cards_alone, 16, 1},
		{"engine, 16 zones, idle", engine_idle, 16, 1},
		{"engine, 1 zone", engine_plays, 1, 1},
		{"engine, 16 zones on 16 cards", engine_plays, 16, 1},
		{"engine, 16 zones, limiter at work", engine_plays_loud, 16, 1},
		{"engine, 1 zone, recorded", engine_plays_recorded, 1, 1},
		{"engine, 16 zones, all recorded", engine_plays_recorded, 16, 1},
		{"engine, 64 zones on 64 cards", engine_plays, 64, 1},
		{"engine, 64 zones on 8 cards", engine_plays, 8, 8},
	};
	char clip[128];
	snprintf(folder, sizeof(folder), "/tmp/dalaba-bench-XXXXXX");
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	path_of(clip, sizeof(clip), "clip.opus");
	int failed = !write_clip(clip);
	printf("%-34s %12s %8s %10s %14s\n", "one programme, 44.1 kHz", "CPU ms per s",
	       "of bare", "RSS MB", "anonymous MB");
	double bare_ms = 0.0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !failed; i++) {
		if (argc > 1 && i > 0 && strstr(rows[i].name, argv[1]) == NULL) {
			continue;
		}
		struct result r =
			in_child(rows[i].measure, rows[i].cards, rows[i].channels);
		bare_ms = i == 0 ? r.cpu_ms : bare_ms;
		printf("%-34s %12.2f %8.2f %10.1f %14.1f%s\n", rows[i].name, r.cpu_ms,
		       r.cpu_ms / bare_ms, (double)r.rss_kb / 1024,
		       (double)r.anonymous_kb / 1024, r.ok ? "" : "  FAILED");
		fflush(stdout);
		failed = !r.ok;
	}
	unlink(clip);
	path_of(clip, sizeof(clip), "asound.conf");
	unlink(clip);
	rmdir(folder);
	return failed;
}
