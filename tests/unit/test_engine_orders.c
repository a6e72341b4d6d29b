/* test_engine_orders.c - orders while something plays: what is ordered at once is heard
 * at once, and what played on beside it is not touched, to the sample. In real time. */
#include "engine_rig.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_end(struct rig *rig, int64_t job, int64_t zone, enum engine_end end) {
	const struct engine_event *e = rig_wait(rig, ENGINE_JOB_ENDED, job, zone, 15);
	assert_non_null(e);
	if (e->end != end) {
		fail_msg("job %d ended %d, not %d: %s", (int)job, e->end, end, e->text);
	}
}

static void close_engine(struct rig *rig) {
	engine_free(rig->engine);
	rig->engine = NULL;
}

/* The match of a job in a zone must be whole; returns when it began. */
static int64_t check_match(const struct heard *h, const float *wanted, size_t n,
			   double snr_db, const char *name) {
	struct match m = rig_match(h, wanted, n);
	print_message("%s: %.1f dB, gain %.4f\n", name, m.snr_db, m.gain);
	assert_true(m.snr_db >= snr_db);
	return h->start_ns + (int64_t)(m.frame * 1e9 / h->rate);
}

/* Many orders in one zone, while a programme plays in the zone beside it. */
static void check_beside(int rate, double snr_db) {
	struct rig rig;
	struct rig_card card = {2, rate, false, NULL};
	int64_t programme = 1;
	int64_t other = 2;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, programme, 1, 0, 0.0);
	rig_zone(&rig, other, 1, 1, 0.0);
	rig_submit(&rig, rig_chime(1, &programme, 1, 1));
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 0, 5));
	for (int i = 0; i < 9; i++) {
		rig_run(&rig, 0.13 + 0.011 * i);
		rig_submit(&rig, rig_chime(10 + i, &other, 1, 1));
		rig_run(&rig, 0.07);
		engine_stop(rig.engine, 10 + i, 0, 5);
	}
	wait_end(&rig, 1, 1, ENGINE_END_PLAYED);
	close_engine(&rig);
	float *wanted = rig_chime_frames(1, &n);
	struct heard h = rig_heard(&rig, 1, 0);
	check_match(&h, wanted, n, snr_db, "beside orders");
	free(h.frames);
	free(wanted);
	rig_stop(&rig);
}

static void leaves_the_zone_beside_alone(void **state) {
	(void)state;
	check_beside(48000, 60);
	check_beside(44100, 50);
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static bool may_be_urgent(void) {
	struct sched_param p = {.sched_priority = 1};
	bool may = pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) == 0;
	p.sched_priority = 0;
	assert_int_equal(pthread_setschedparam(pthread_self(), SCHED_OTHER, &p), 0);
	return may;
}

#define PUSHES 25
/* Into a zone that is silent while its neighbour plays: found as the first frame that is
 * not silence. */
static void is_heard_at_once(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {2, 48000, false, NULL};
	int64_t programme = 1;
	int64_t other = 2;
	int64_t asked_ns[PUSHES];
	double late_ms[PUSHES];
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, programme, 1, 0, 0.0);
	rig_zone(&rig, other, 1, 1, 0.0);
	rig_submit(&rig, rig_chime(1, &programme, 1, 4));
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 0, 5));
	for (int i = 0; i < PUSHES; i++) {
		rig_run(&rig, 0.15 + 0.007 * i);
		asked_ns[i] = now_ns();
		rig_submit(&rig, rig_chime(10 + i, &other, 1, 1));
		rig_run(&rig, 0.05);
		engine_stop(rig.engine, 10 + i, 0, 5);
	}
	rig_run(&rig, 0.3);
	close_engine(&rig);
	struct heard h = rig_heard(&rig, 1, 1);
	for (int i = 0; i < PUSHES; i++) {
		size_t at = (size_t)((double)(asked_ns[i] - h.start_ns) * h.rate / 1e9);
		while (at < h.n && fabsf(h.frames[at]) < 1.0F / 32768.0F) {
			at++;
		}
		int64_t heard_ns = h.start_ns + (int64_t)((double)at * 1e9 / h.rate);
		late_ms[i] = (double)(heard_ns - asked_ns[i]) / 1e6;
	}
	qsort(late_ms, PUSHES, sizeof(late_ms[0]), compare);
	print_message("order to first sample: median %.2f, worst %.2f ms\n",
		      late_ms[PUSHES / 2], late_ms[PUSHES - 1]);
	/* Ordinary threads are given more time, so that all outputs start together. */
	assert_true(late_ms[PUSHES / 2] <= (may_be_urgent() ? 10.0 : 40.0));
	free(h.frames);
	rig_stop(&rig);
}

static void adds_up_two_jobs(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {1, 48000, false, NULL};
	int64_t zone = 1;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, zone, 1, 0, -6.0);
	int64_t start_ns = now_ns() + 700000000;
	for (int i = 0; i < 2; i++) {
		struct job *job = rig_chime(1 + i, &zone, 1, 1);
		job->start_ns = start_ns + i * 500000000LL;
		rig_submit(&rig, job);
	}
	wait_end(&rig, 1, 1, ENGINE_END_PLAYED);
	wait_end(&rig, 2, 1, ENGINE_END_PLAYED);
	close_engine(&rig);
	float *one = rig_chime_frames(1, &n);
	struct heard h = rig_heard(&rig, 1, 0);
	double gain = pow(10, -6.0 / 20);
	/* What is alone at first is taken away; what is left is the other, whole. Each is
	 * put on its frame by the card's time as it is known then, so the two may lie
	 * apart by as much as a start may be off. */
	struct match first = rig_match(&h, one, 23000);
	assert_true(first.snr_db >= 60 && fabs(first.gain - gain) < 0.001);
	size_t at = (size_t)llround(first.frame);
	for (size_t i = 0; i < n && at + i < h.n; i++) {
		h.frames[at + i] -= (float)gain * one[i];
	}
	struct match second = rig_match(&h, one, n);
	print_message("two jobs: %.1f dB, gain %.4f, %.2f frames apart\n", second.snr_db,
		      second.gain, second.frame - first.frame);
	assert_true(second.snr_db >= 60 && fabs(second.gain - gain) < 0.001);
	assert_true(fabs(second.frame - first.frame - 24000) <= 96); /* 2 ms */
	free(h.frames);
	free(one);
	rig_stop(&rig);
}

static void drives_eight_zones(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {8, 48000, false, NULL};
	int64_t start_ns = 0;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	for (int64_t z = 1; z <= 8; z++) {
		rig_zone(&rig, z, 1, (int)z - 1, -3.0 * (double)z);
	}
	start_ns = now_ns() + 700000000;
	for (int64_t z = 1; z <= 8; z++) {
		struct job *job = rig_chime(z, &z, 1, 1);
		job->start_ns = start_ns + z * 50000000;
		rig_submit(&rig, job);
	}
	for (int64_t z = 1; z <= 8; z++) {
		wait_end(&rig, z, z, ENGINE_END_PLAYED);
	}
	close_engine(&rig);
	float *wanted = rig_chime_frames(1, &n);
	for (int64_t z = 1; z <= 8; z++) {
		struct heard h = rig_heard(&rig, 1, (int)z - 1);
		int64_t at_ns =
			check_match(&h, wanted, n, z < 6 ? 60 : 50, "one of eight");
		assert_true(llabs(at_ns - start_ns - z * 50000000) < 2000000);
		double gain = rig_match(&h, wanted, n).gain;
		assert_true(fabs(20 * log10(gain) + 3.0 * (double)z) < 0.05);
		free(h.frames);
	}
	free(wanted);
	rig_stop(&rig);
}

/* Each of two frames may be off by half a step of 16 bit and a whole one of dither. */
#define STEP_ERROR (3.0F / 32768.0F)

/* A cut fades: no step is larger than the sound itself makes, and silence follows. */
static void fades_where_it_is_cut(void **state) {
	(void)state;
	static const int ramps_ms[] = {0, 5, 100};
	for (size_t i = 0; i < sizeof(ramps_ms) / sizeof(ramps_ms[0]); i++) {
		struct rig rig;
		struct rig_card card = {1, 48000, false, NULL};
		int64_t zone = 1;
		size_t n = 0;
		rig_start(&rig, &card, 1, 200);
		rig_zone(&rig, zone, 1, 0, 0.0);
		rig_submit(&rig, rig_chime(1, &zone, 1, 1));
		assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
		rig_run(&rig, 0.4);
		int64_t asked_ns = now_ns();
		engine_stop(rig.engine, 1, 1, ramps_ms[i]);
		wait_end(&rig, 1, 1, ENGINE_END_CUT);
		rig_run(&rig, 0.2);
		close_engine(&rig);
		struct heard h = rig_heard(&rig, 1, 0);
		float *wanted = rig_chime_frames(1, &n);
		float step = 0.0F;
		float largest = 0.0F;
		size_t last = 0;
		for (size_t k = 1; k < n; k++) {
			largest = fmaxf(largest, fabsf(wanted[k] - wanted[k - 1]));
		}
		for (size_t k = 1; k < h.n; k++) {
			step = fmaxf(step, fabsf(h.frames[k] - h.frames[k - 1]));
			last = fabsf(h.frames[k]) > 2.0F / 32768.0F ? k : last;
		}
		int64_t end_ns = h.start_ns + (int64_t)((double)last * 1e9 / h.rate);
		double after_ms = (double)(end_ns - asked_ns) / 1e6;
		int ramp_ms = ramps_ms[i] > 5 ? ramps_ms[i] : 5;
		print_message(
			"ramp %d ms: silent after %.1f ms, largest step %.4f of %.4f\n",
			ramps_ms[i], after_ms, (double)step, (double)largest);
		assert_true(step <= largest + STEP_ERROR);
		assert_true(after_ms > ramp_ms / 2.0 && after_ms < ramp_ms + 30.0);
		free(h.frames);
		free(wanted);
		rig_stop(&rig);
	}
}

/* A PCM that cannot take back what it has (a plugin over the card) is kept shallow: an
 * emergency over a programme is soon heard all the same, and whole, and of the programme
 * nothing more. */
static void is_soon_heard_where_nothing_is_taken_back(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {1, 48000, false, NULL};
	struct engine_output o = {
		.id = 1, .pcm = "plug:card1", .rate = 48000, .channels = 1};
	struct error err = {0};
	int64_t zone = 1;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	assert_int_equal(engine_output_set(rig.engine, &o, &err), 0);
	rig_zone(&rig, zone, 1, 0, -20.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	rig_submit(&rig, rig_chime(1, &zone, 1, 4));
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
	rig_run(&rig, 1.1);
	struct job *job = rig_chime(2, &zone, 1, 1);
	job->urgent = true;
	int64_t asked_ns = now_ns();
	rig_submit(&rig, job);
	engine_stop(rig.engine, 1, 1, 5);
	wait_end(&rig, 1, 1, ENGINE_END_CUT);
	wait_end(&rig, 2, 1, ENGINE_END_PLAYED);
	close_engine(&rig);
	float *wanted = rig_chime_frames(1, &n);
	struct heard h = rig_heard(&rig, 1, 0);
	/* The programme, which is the same chime. */
	size_t before = (size_t)((double)(asked_ns - h.start_ns) * h.rate / 1e9);
	assert_true(before > h.n / 8 && before < h.n);
	memset(h.frames, 0, before * sizeof(*h.frames));
	struct match m = rig_match(&h, wanted, n);
	int64_t at_ns = h.start_ns + (int64_t)(m.frame * 1e9 / h.rate);
	double late_ms = (double)(at_ns - asked_ns) / 1e6;
	print_message("over a plugin: %.1f dB, gain %.3f, after %.1f ms\n", m.snr_db,
		      m.gain, late_ms);
	assert_true(m.snr_db >= 50 && fabs(m.gain - 1.0) < 0.01);
	assert_true(late_ms <= 90.0);
	free(h.frames);
	free(wanted);
	rig_stop(&rig);
}

/* What is planned may fill the engine; an emergency still finds room. */
static void keeps_room_for_what_is_urgent(void **state) {
	(void)state;
	const int64_t zone = 1;
	struct rig_card card = {1, 48000, true, NULL};
	struct rig rig;
	struct error err = {0};
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, zone, 1, 0, 0.0);
	int taken[2] = {0};
	for (int64_t id = 1; id <= 100; id++) {
		struct job *job = rig_chime(id, &zone, 1, 1);
		job->urgent = id > 60;
		job->start_ns = INT64_C(1) << 62; /* waits */
		int rc = engine_submit(rig.engine, job, &err);
		assert_true(rc == 0 || rc == -EBUSY);
		taken[id > 60] += rc == 0;
	}
	assert_int_equal(taken[0], 48);
	assert_int_equal(taken[1], 16);
	assert_non_null(strstr(err.text, "64 jobs are waiting"));
	rig_stop(&rig);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_zone_beside_alone),
		cmocka_unit_test(is_heard_at_once),
		cmocka_unit_test(adds_up_two_jobs),
		cmocka_unit_test(drives_eight_zones),
		cmocka_unit_test(fades_where_it_is_cut),
		cmocka_unit_test(is_soon_heard_where_nothing_is_taken_back),
		cmocka_unit_test(keeps_room_for_what_is_urgent),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
