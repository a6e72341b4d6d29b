/* test_relayed.c - a relayed part of a job, on a clock of the test's own: as long as it
 * was said to be, what comes where it comes, the fallback where nothing does, from its
 * start, without a click, and all of it counted. */
#include "audio/jitter.h"
#include "audio/source.h"
#include "audio/tally.h"

#include <math.h>
#include <opus/opusenc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define STEP 240
#define CLIP_FRAMES 24000
#define SAID 0.25F /* of what is relayed: it stands */

static char path[] = "/tmp/dalaba-relayed-XXXXXX";
static struct jitter *jitter;
static struct tally *tally;
static struct error err;

/* A falling tone, so that its start is known from its end. */
static int write_clip(void **state) {
	(void)state;
	int fd = mkstemp(path);
	int code = 0;
	OggOpusComments *comments = ope_comments_create();
	OggOpusEnc *enc = ope_encoder_create_file(path, comments, RATE, 1, 0, &code);
	assert_true(fd >= 0 && enc != NULL);
	close(fd);
	for (int i = 0; i < CLIP_FRAMES; i++) {
		float fall = 1.0F - (float)i / CLIP_FRAMES;
		float x = 0.4F * fall * (float)sin(2 * M_PI * 500 * i / RATE);
		assert_int_equal(ope_encoder_write_float(enc, &x, 1), 0);
	}
	assert_int_equal(ope_encoder_drain(enc), 0);
	ope_encoder_destroy(enc);
	ope_comments_destroy(comments);
	return 0;
}

static int remove_clip(void **state) {
	(void)state;
	return unlink(path);
}

static struct job *new_job(int64_t frames, const char *fallback) {
	struct jitter_config config = {
		.rate = RATE, .least_ms = 10, .most_ms = 100, .speed_ppm = 300};
	assert_int_equal(jitter_new(&config, &jitter, &err), 0);
	tally = tally_new();
	struct job *job = job_new(3, 0);
	assert_true(job != NULL && tally != NULL);
	job->parts[0] = (struct job_part){.kind = JOB_PART_SILENCE, .silence_ms = 100};
	job->parts[1] = (struct job_part){
		.kind = JOB_PART_RELAY,
		.path = fallback != NULL ? strdup(fallback) : NULL,
		.title = strdup("fallback"),
		.frames = frames,
		.jitter = jitter_ref(jitter),
		.tally = tally_ref(tally),
	};
	job->parts[2] = (struct job_part){.kind = JOB_PART_SILENCE, .silence_ms = 100};
	return job;
}

static void done(struct source *s, struct job *job) {
	source_free(s);
	job_free(job);
	jitter_unref(jitter);
	tally_unref(tally);
}

/* All of the job; 'x' in `comes`, a letter every 100 ms, is when something comes. */
static size_t play(struct source *s, const char *comes, float *ret, size_t size) {
	float said[STEP];
	size_t n = 0;
	for (int i = 0; i < STEP; i++) {
		said[i] = SAID;
	}
	for (;;) {
		size_t at = n / (RATE / 10);
		if (at < strlen(comes) && comes[at] == 'x') {
			(void)jitter_push(jitter, said, STEP);
		}
		assert_true(n + STEP <= size);
		int got = source_read(s, ret + n, STEP, &err);
		if (got <= 0) {
			assert_int_equal(got, 0);
			return n;
		}
		n += (size_t)got;
	}
}

static double rms(const float *x, double from_s, double to_s) {
	double sum = 0.0;
	size_t from = (size_t)(from_s * RATE);
	size_t to = (size_t)(to_s * RATE);
	for (size_t i = from; i < to; i++) {
		sum += (double)x[i] * (double)x[i];
	}
	return sqrt(sum / (double)(to - from));
}

static double largest_step(const float *x, size_t n) {
	double most = 0.0;
	for (size_t i = 1; i < n; i++) {
		most = fmax(most, fabs((double)x[i] - (double)x[i - 1]));
	}
	return most;
}

static void assert_count(double relayed_s, double missing_s, double fallback_s) {
	struct tally_count count;
	tally_read(tally, &count);
	assert_true(fabs((double)count.relayed / RATE - relayed_s) < 0.0001);
	assert_true(fabs((double)count.missing / RATE - missing_s) < 0.1);
	assert_true(fabs((double)count.fallback / RATE - fallback_s) < 0.1);
}

static float heard[RATE * 8];

static void what_comes_is_heard(void **state) {
	(void)state;
	struct job *job = new_job(RATE * 2, NULL);
	struct source *s = NULL;
	assert_int_equal(source_check(job, &err), 0);
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t n = play(s, "xxxxxxxxxxxxxxxxxxxxxxxx", heard,
			sizeof(heard) / sizeof(*heard));
	assert_int_equal(n, RATE * 22 / 10);
	assert_true(rms(heard, 0.0, 0.1) < 1e-9);
	assert_true(fabs(rms(heard, 0.4, 2.0) - (double)SAID) < 0.001);
	assert_true(rms(heard, 2.1, 2.2) < 1e-9);
	assert_count(2.0, 0.0, 0.0);
	done(s, job);
}

static void silence_where_nothing_comes(void **state) {
	(void)state;
	struct job *job = new_job(RATE * 3, NULL);
	struct source *s = NULL;
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t n = play(s, "xxxxxxxxxxx..........xxxxxxxxxxx", heard,
			sizeof(heard) / sizeof(*heard));
	assert_int_equal(n, RATE * 32 / 10);
	assert_true(rms(heard, 1.3, 2.0) < 1e-9);
	assert_true(fabs(rms(heard, 2.4, 3.0) - (double)SAID) < 0.001);
	assert_true(largest_step(heard, n) < 0.01);
	assert_count(3.0, 1.0, 0.0);
	done(s, job);
}

/* 250 ms later, again and again, until something comes; next time from its start. */
static void the_fallback_sounds_meanwhile(void **state) {
	(void)state;
	struct job *job = new_job(RATE * 5, path);
	struct source *s = NULL;
	assert_int_equal(source_check(job, &err), 0);
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t n = play(s, "xxxxxxxxxxx..........xxxxxxxxxxxxxxx..........xxxxx", heard,
			sizeof(heard) / sizeof(*heard));
	assert_int_equal(n, RATE * 52 / 10);
	double loud = rms(heard, 1.45, 1.55);
	assert_true(loud > 0.2 && loud < 0.29);
	assert_true(rms(heard, 1.78, 1.84) < 0.25 * loud);
	assert_true(fabs(rms(heard, 1.95, 2.05) / loud - 1.0) < 0.1);
	assert_true(fabs(rms(heard, 3.95, 4.05) / loud - 1.0) < 0.1);
	assert_true(fabs(rms(heard, 2.4, 3.5) - (double)SAID) < 0.001);
	/* The tone's own steps, and what it is faded with. */
	assert_true(largest_step(heard, n) < 0.05);
	assert_count(5.0, 2.0, 1.6); /* with what it takes to fall */
	done(s, job);
}

static void never_it_is_all_fallback(void **state) {
	(void)state;
	struct job *job = new_job(RATE * 2, path);
	struct source *s = NULL;
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t n = play(s, "", heard, sizeof(heard) / sizeof(*heard));
	assert_int_equal(n, RATE * 22 / 10);
	assert_count(2.0, 2.0, 1.75);
	done(s, job);
}

/* Where its file is gone or damaged there is silence, and what comes again is heard. */
static void a_fallback_that_cannot_be_read(void **state) {
	(void)state;
	static const char *const paths[] = {"/no/file", "/dev/null"};
	for (size_t i = 0; i < 2; i++) {
		struct job *job = new_job(RATE * 3, paths[i]);
		struct source *s = NULL;
		struct tally_count count;
		assert_int_equal(source_check(job, &err), 0);
		assert_int_equal(source_new(job, &s, &err), 0);
		size_t n = play(s, "xxxxxxxxxxx..........xxxxxxxxxxx", heard,
				sizeof(heard) / sizeof(*heard));
		assert_int_equal(n, RATE * 32 / 10);
		assert_true(rms(heard, 1.3, 2.0) < 1e-9);
		assert_true(fabs(rms(heard, 2.4, 3.0) - (double)SAID) < 0.001);
		assert_count(3.0, 1.0, 0.0);
		tally_read(tally, &count);
		assert_true(fabs((double)count.unread / RATE - 0.75) < 0.1);
		done(s, job);
	}
}

/* Begun within it, as after an interruption: what is left of its length, with what comes
 * then; repeated, as long each time. */
static void it_begins_within_itself_and_again(void **state) {
	(void)state;
	struct job *job = new_job(RATE * 2, NULL);
	struct source *s = NULL;
	job->repeat = 2;
	job->gap_ms = 300;
	job->from_ms = 1600;
	assert_int_equal(source_new(job, &s, &err), 0);
	size_t n = play(s, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", heard,
			sizeof(heard) / sizeof(*heard));
	assert_int_equal(n, RATE * (4.7 - 1.6));
	assert_true(rms(heard, 0.6, 1.0) < 1e-9);
	assert_true(fabs(rms(heard, 1.3, 2.9) - (double)SAID) < 0.001);
	assert_count(2.5, 0.0, 0.0);
	done(s, job);
}

static void what_makes_no_sense_is_refused(void **state) {
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct job *job = new_job(i == 0 ? 0 : RATE, NULL);
		if (i == 1) {
			jitter_unref(job->parts[1].jitter);
			job->parts[1].jitter = NULL;
		} else if (i == 2) {
			job->parts[1].gain_db = 31.0;
		}
		err = (struct error){0};
		assert_true(source_check(job, &err) < 0);
		assert_true(err.text[0] != '\0');
		done(NULL, job);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_is_heard),
		cmocka_unit_test(silence_where_nothing_comes),
		cmocka_unit_test(the_fallback_sounds_meanwhile),
		cmocka_unit_test(never_it_is_all_fallback),
		cmocka_unit_test(a_fallback_that_cannot_be_read),
		cmocka_unit_test(it_begins_within_itself_and_again),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};
	return cmocka_run_group_tests(tests, write_clip, remove_clip);
}
