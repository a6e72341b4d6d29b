/* test_clip.c - Opus files as the player reads them, and jobs as one line of sound: every
 * cut of reading gives the same frames; damaged, cut off, chained and missing files are
 * refused with a sentence. */
#include "audio/chime.h"
#include "audio/clip.h"
#include "audio/source.h"

#include <math.h>
#include <opus/opusenc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAMES 96123
#define BURST_FRAMES 240000
#define BURST_GAIN_DB 12.0
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/dalaba-clip-XXXXXX";

static const char *path_of(const char *name) {
	static char paths[8][128];
	static size_t next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* Left is a tone of 500 Hz, right one of 700 Hz. */
static void write_clip(const char *name, int channels, int chained) {
	int code = 0;
	OggOpusComments *comments = ope_comments_create();
	OggOpusEnc *enc = ope_encoder_create_file(path_of(name), comments, 48000,
						  channels, 0, &code);
	assert_non_null(enc);
	for (int link = 0; link <= chained; link++) {
		float x[2];
		for (int i = 0; i < FRAMES; i++) {
			x[0] = (float)(0.3 * sin(2 * M_PI * 500 * i / 48000));
			x[1] = (float)(0.3 * sin(2 * M_PI * 700 * i / 48000));
			assert_int_equal(ope_encoder_write_float(enc, x, 1), 0);
		}
		if (link < chained) {
			assert_int_equal(ope_encoder_chain_current(enc, comments), 0);
		}
	}
	assert_int_equal(ope_encoder_drain(enc), 0);
	ope_encoder_destroy(enc);
	ope_comments_destroy(comments);
}

/* As speech is: loud for a moment, low for long. */
static void write_bursts(const char *name) {
	int code = 0;
	OggOpusComments *comments = ope_comments_create();
	OggOpusEnc *enc =
		ope_encoder_create_file(path_of(name), comments, 48000, 1, 0, &code);
	assert_non_null(enc);
	for (int i = 0; i < BURST_FRAMES; i++) {
		double level = i % 33600 < 2400 ? 0.5 : 0.1;
		float x = (float)(level * sin(2 * M_PI * 500 * i / 48000));
		assert_int_equal(ope_encoder_write_float(enc, &x, 1), 0);
	}
	assert_int_equal(ope_encoder_drain(enc), 0);
	ope_encoder_destroy(enc);
	ope_comments_destroy(comments);
}

static void copy_part(const char *from, const char *to, double share, long flip) {
	static char bytes[1 << 20];
	FILE *in = fopen(path_of(from), "re");
	FILE *out = fopen(path_of(to), "we");
	assert_true(in != NULL && out != NULL);
	size_t n = fread(bytes, 1, sizeof(bytes), in);
	if (flip != 0) {
		memset(bytes + flip, 0x5a, 400);
	}
	n = (size_t)((double)n * share);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static int set_up(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_clip("mono.opus", 1, 0);
	write_clip("stereo.opus", 2, 0);
	write_clip("chained.opus", 1, 1);
	write_bursts("bursts.opus");
	copy_part("mono.opus", "short.opus", 0.6, 0);
	copy_part("mono.opus", "damaged.opus", 1.0, 9000);
	copy_part("mono.opus", "header.opus", 0.001, 0);
	FILE *f = fopen(path_of("text.opus"), "we");
	assert_non_null(f);
	fputs("this is not a sound\n", f);
	fclose(f);
	assert_int_equal(mkdir(path_of("dir.opus"), 0700), 0);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	static const char *const names[] = {"mono.opus",   "stereo.opus", "chained.opus",
					    "bursts.opus", "short.opus",  "damaged.opus",
					    "header.opus", "text.opus"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(path_of(names[i]));
	}
	rmdir(path_of("dir.opus"));
	return rmdir(folder);
}

static double power_of(const float *x, size_t n, double hz) {
	double re = 0.0;
	double im = 0.0;
	for (size_t i = 0; i < n; i++) {
		re += (double)x[i] * cos(2 * M_PI * hz * (double)i / 48000);
		im += (double)x[i] * sin(2 * M_PI * hz * (double)i / 48000);
	}
	return 2 * sqrt(re * re + im * im) / (double)n;
}

static float *read_at(const char *name, double gain_db, size_t piece, size_t *ret) {
	AUTO(clip_free) struct clip *c = NULL;
	struct error err = {0};
	assert_int_equal(clip_open(path_of(name), NULL, 0, gain_db, &c, &err), 0);
	float *frames = calloc(BURST_FRAMES + 20000, sizeof(*frames));
	assert_non_null(frames);
	size_t n = 0;
	int got = 0;
	while ((got = clip_read(c, frames + n, piece, &err)) > 0) {
		n += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(n, clip_frames(c));
	*ret = n;
	return frames;
}

static float *read_clip(const char *name, size_t piece, size_t *ret) {
	return read_at(name, 0, piece, ret);
}

static void reads_any_way_the_same(void **state) {
	(void)state;
	size_t n = 0;
	size_t m = 0;
	float *mono = read_clip("mono.opus", 5760, &n);
	float *again = read_clip("mono.opus", 331, &m);
	float *stereo = read_clip("stereo.opus", 960, &m);
	assert_int_equal(n, FRAMES);
	assert_int_equal(m, FRAMES);
	assert_memory_equal(mono, again, n * sizeof(*mono));
	assert_true(fabs(power_of(mono + 4800, 48000, 500) - 0.3) < 0.02);
	/* More channels are mixed down, each with its share. */
	assert_true(fabs(power_of(stereo + 4800, 48000, 500) - 0.15) < 0.02);
	assert_true(fabs(power_of(stereo + 4800, 48000, 700) - 0.15) < 0.02);
	free(mono);
	free(again);
	free(stereo);
}

static const int64_t sought[] = {0,     1,     3839,  3840,  24000, 24001,
				 48000, 60000, 90000, 96000, FRAMES};

/* From anywhere it is the sound that one hears who reads from the start. */
static void reads_from_any_frame(void **state) {
	(void)state;
	static const char *const names[] = {"mono.opus", "stereo.opus"};
	for (size_t k = 0; k < LENGTH(names); k++) {
		size_t n = 0;
		float *whole = read_clip(names[k], 960, &n);
		AUTO(clip_free) struct clip *c = NULL;
		struct error err = {0};
		assert_int_equal(clip_open(path_of(names[k]), NULL, 0, 0, &c, &err), 0);
		float worst = 0.0F;
		for (size_t i = 0; i < LENGTH(sought); i++) {
			float frames[5760];
			int64_t at = sought[i];
			int got = 0;
			assert_int_equal(clip_seek(c, at, &err), 0);
			while ((got = clip_read(c, frames, 5760, &err)) > 0) {
				for (int f = 0; f < got; f++) {
					float off = fabsf(frames[f] - whole[at + f]);
					worst = fmaxf(worst, off);
				}
				at += got;
			}
			assert_int_equal(got, 0);
			assert_int_equal(at, n);
		}
		print_message("%s: at most %.1f dB off\n", names[k],
			      20 * log10((double)worst + 1e-12));
		assert_true(worst < 1.0F / 32768.0F);
		free(whole);
	}
}

/* Peaks that its gain takes too high are limited, the rest has all of it; where the clip
 * begins and ends is as it was, however it is read, and from wherever. */
static void limits_what_its_gain_takes_too_high(void **state) {
	(void)state;
	size_t n = 0;
	size_t m = 0;
	float *plain = read_clip("bursts.opus", 960, &n);
	float *whole = read_at("bursts.opus", BURST_GAIN_DB, 960, &m);
	float *again = read_at("bursts.opus", BURST_GAIN_DB, 77, &m);
	assert_int_equal(n, BURST_FRAMES);
	assert_int_equal(m, BURST_FRAMES);
	assert_memory_equal(whole, again, n * sizeof(*whole));
	float peak = 0.0F;
	for (size_t i = 0; i < n; i++) {
		peak = fmaxf(peak, fabsf(whole[i]));
	}
	print_message("peak %.2f dBFS\n", 20 * log10((double)peak));
	assert_true(peak < powf(10, -1.3F / 20) && peak > powf(10, -2.0F / 20));
	/* A second behind a burst nothing is taken any more. */
	float most = (float)pow(10, BURST_GAIN_DB / 20);
	for (size_t i = 33600 - 480; i < 33600 - 240; i++) {
		assert_true(fabsf(whole[i] - plain[i] * most) < 0.01F);
	}
	AUTO(clip_free) struct clip *c = NULL;
	struct error err = {0};
	float worst = 0.0F;
	assert_int_equal(
		clip_open(path_of("bursts.opus"), NULL, 0, BURST_GAIN_DB, &c, &err), 0);
	for (int64_t from = 70000; from < BURST_FRAMES; from += 33333) {
		float frames[5760];
		assert_int_equal(clip_seek(c, from, &err), 0);
		int got = clip_read(c, frames, 960, &err);
		for (int f = 0; f < got; f++) {
			worst = fmaxf(worst, fabsf(frames[f] - whole[from + f]));
		}
	}
	print_message("from within: at most %.1f dB off\n",
		      20 * log10((double)worst + 1e-12));
	assert_true(worst < 2.0F / 32768.0F);
	free(plain);
	free(whole);
	free(again);
}

static const struct bad_case {
	const char *name;
	int code;
	const char *words;
} bads[] = {
	{"missing.opus", -ENOENT, "No such file"},
	{"text.opus", -EINVAL, "not Ogg Opus"},
	{"dir.opus", -EINVAL, "is no file"},
	{"chained.opus", -ENOTSUP, "chained"},
	{"header.opus", -EINVAL, "header.opus"},
	{"damaged.opus", -EBADMSG, "damaged.opus"},
};

static void refuses_what_does_not_play(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct clip *c = NULL;
		struct error err = {0};
		float frames[960];
		int rc = clip_open(path_of(bads[i].name), NULL, 0, 0, &c, &err);
		while (rc == 0 && (rc = clip_read(c, frames, 960, &err)) > 0) {
			rc = 0;
		}
		print_message("%s\n", err.text);
		assert_int_equal(rc, bads[i].code);
		assert_non_null(strstr(err.text, bads[i].words));
		clip_free(c);
	}
}

/* A copy that was cut short knows nothing of its end: it is a shorter clip, no more. */
static void plays_what_a_short_copy_has(void **state) {
	(void)state;
	size_t n = 0;
	free(read_clip("short.opus", 960, &n));
	assert_true(n > FRAMES / 3 && n < FRAMES);
}

/* Who knows how long it was, hears of it; and is told by the name people use. */
static void misses_what_a_short_copy_lacks(void **state) {
	(void)state;
	AUTO(clip_free) struct clip *c = NULL;
	struct error err = {0};
	float frames[960];
	int rc = clip_open(path_of("short.opus"), "flood", FRAMES, 0, &c, &err);
	assert_int_equal(rc, 0);
	while ((rc = clip_read(c, frames, 960, &err)) > 0) {
	}
	assert_int_equal(rc, -EBADMSG);
	assert_non_null(strstr(err.text, "clip 'flood' is cut off"));
}

/* ---- jobs ---- */

static struct job *new_job(void) {
	struct job *job = job_new(3, 1);
	assert_non_null(job);
	job->parts[0].kind = JOB_PART_CHIME;
	job->parts[0].path = strdup("single");
	job->parts[1].kind = JOB_PART_SILENCE;
	job->parts[1].silence_ms = 250;
	job->parts[2].kind = JOB_PART_CLIP;
	job->parts[2].path = strdup(path_of("mono.opus"));
	job->parts[2].gain_db = -6.0;
	job->repeat = 2;
	job->gap_ms = 100;
	return job;
}

static void puts_parts_in_line(void **state) {
	(void)state;
	struct job *job = new_job();
	AUTO(source_free) struct source *s = NULL;
	struct error err = {0};
	size_t n = 0;
	float *clip = read_clip("mono.opus", 960, &n);
	size_t chime = (size_t)chime_frames("single");
	size_t once = chime + 12000 + n;
	float *got = calloc(2 * once + 4800 + 1000, sizeof(*got));
	float *bell = calloc(chime, sizeof(*bell));
	assert_true(got != NULL && bell != NULL);
	chime_render("single", 0, bell, chime);
	assert_int_equal(source_check(job, &err), 0);
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t total = 0;
	int rc = 0;
	while ((rc = source_read(s, got + total, 777, &err)) > 0) {
		total += (size_t)rc;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(total, 2 * once + 4800);
	for (size_t round = 0; round < 2; round++) {
		const float *at = got + round * (once + 4800);
		assert_memory_equal(at, bell, chime * sizeof(*bell));
		for (size_t i = 0; i < 12000; i++) {
			assert_true(at[chime + i] == 0.0F);
		}
		for (size_t i = 0; i < n; i++) {
			float wanted = clip[i] * (float)pow(10, -6.0 / 20);
			assert_true(fabsf(at[chime + 12000 + i] - wanted) < 1e-6F);
		}
	}
	free(got);
	free(bell);
	free(clip);
	job_free(job);
}

/* Edges of every part, repeat and gap, and places within them. */
static void begins_anywhere_in_the_line(void **state) {
	(void)state;
	struct job *job = new_job();
	struct error err = {0};
	AUTO(source_free) struct source *all = NULL;
	assert_int_equal(source_new(job, &all, &err), 0);
	size_t size = 2 * (size_t)(chime_frames("single") + 12000 + FRAMES) + 4800;
	float *whole = calloc(size + 1000, sizeof(*whole));
	float *got = calloc(size + 1000, sizeof(*got));
	assert_true(whole != NULL && got != NULL);
	size_t total = 0;
	int rc = 0;
	while ((rc = source_read(all, whole + total, 1000, &err)) > 0) {
		total += (size_t)rc;
	}
	assert_int_equal(total, size);
	int64_t chime_ms = chime_frames("single") / 48;
	int64_t round_ms = (int64_t)(size - 4800) / 2 / 48;
	int64_t end_ms = (int64_t)size / 48;
	const int64_t from_ms[] = {1,
				   chime_ms - 1,
				   chime_ms,
				   chime_ms + 100,
				   chime_ms + 250,
				   chime_ms + 251,
				   chime_ms + 1700,
				   round_ms,
				   round_ms + 1,
				   round_ms + 50,
				   round_ms + 101,
				   round_ms + 100 + chime_ms + 300,
				   end_ms - 1,
				   end_ms,
				   end_ms + 1,
				   end_ms * 5};
	for (size_t i = 0; i < LENGTH(from_ms); i++) {
		AUTO(source_free) struct source *s = NULL;
		job->from_ms = from_ms[i];
		assert_int_equal(source_new(job, &s, &err), 0);
		size_t at = (size_t)from_ms[i] * 48;
		size_t n = 0;
		while ((rc = source_read(s, got + n, 1000, &err)) > 0) {
			n += (size_t)rc;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(n, at < size ? size - at : 0);
		for (size_t f = 0; f < n; f++) {
			if (fabsf(got[f] - whole[at + f]) > 1.0F / 32768.0F) {
				fail_msg("from %d ms: frame %zu differs", (int)from_ms[i],
					 f);
			}
		}
	}
	free(whole);
	free(got);
	job_free(job);
}

static void refuses_a_job_that_makes_no_sense(void **state) {
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct job *job = new_job();
		struct error err = {0};
		struct source *s = NULL;
		switch (i) {
		case 0:
			job->repeat = 0;
			break;
		case 1:
			job->repeat = 101;
			break;
		case 2:
			job->gap_ms = -1;
			break;
		case 3:
			job->parts[1].silence_ms = -1;
			break;
		case 4:
			job->parts[2].gain_db = 31.0;
			break;
		case 5:
			job->from_ms = -1;
			break;
		default:
			job->parts[0].path[0] = 'x';
			break;
		}
		assert_int_equal(source_new(job, &s, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
		job_free(job);
	}
	struct job *job = new_job();
	struct error err = {0};
	job->parts[2].path[1] = 'x';
	assert_int_equal(source_check(job, &err), -ENOENT);
	job_free(job);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_any_way_the_same),
		cmocka_unit_test(reads_from_any_frame),
		cmocka_unit_test(limits_what_its_gain_takes_too_high),
		cmocka_unit_test(refuses_what_does_not_play),
		cmocka_unit_test(plays_what_a_short_copy_has),
		cmocka_unit_test(misses_what_a_short_copy_lacks),
		cmocka_unit_test(puts_parts_in_line),
		cmocka_unit_test(begins_anywhere_in_the_line),
		cmocka_unit_test(refuses_a_job_that_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
