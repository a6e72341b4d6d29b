/* test_engine_faults.c - what an output's failure does: to its own jobs, to the others
 * (nothing), and how it comes back. In real time. */
#include "engine_rig.h"

#include <math.h>
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

static void close_engine(struct rig *rig) {
	engine_free(rig->engine);
	rig->engine = NULL;
}

/* So many chimes are there, from the first to the last sample. */
static void check_whole(const struct rig *rig, int64_t output, int repeat) {
	size_t n = 0;
	float *wanted = rig_chime_frames(repeat, &n);
	struct heard h = rig_heard(rig, output, 0);
	struct match m = rig_match(&h, wanted, n);
	print_message("output %d: %.1f dB\n", (int)output, m.snr_db);
	assert_true(m.snr_db >= 60);
	free(h.frames);
	free(wanted);
}

/* Waits for the end of a job in a zone. */
static const struct engine_event *check_end(struct rig *rig, int64_t job, int64_t zone,
					    enum engine_end end, const char *words) {
	const struct engine_event *e = rig_wait(rig, ENGINE_JOB_ENDED, job, zone, 15);
	assert_non_null(e);
	if (e->end != end || strstr(e->text, words) == NULL) {
		fail_msg("job %d in zone %d ended %d: '%s'", (int)job, (int)zone, e->end,
			 e->text);
	}
	return e;
}

struct fault_case {
	const char *name;
	const char *more;  /* of the card that fails */
	const char *touch; /* what makes it fail; NULL: it fails from the start */
	const char *words; /* of the fault */
};

/* Every fault: the job fails there with its words, plays whole elsewhere; and once the
 * cause is gone the output comes back by itself. */
static const struct fault_case faults[] = {
	{"busy", "fail_open 16", NULL, "resource busy"},
	{"unplugged", "unplug_file \"%s/cause\"", "cause", "No such device"},
	{"stalled", "stall_file \"%s/cause\"", "cause", "stopped taking sound"},
	{"hangs", "hang_write_file \"%s/cause\"", "cause", "has not answered"},
};

/* The output comes back; events before `seen` do not count. */
static void wait_back(struct rig *rig, size_t seen) {
	int64_t end_ns = now_ns() + 8000000000LL;
	while (now_ns() < end_ns) {
		rig_run(rig, 0.1);
		for (; seen < rig->n_events; seen++) {
			const struct engine_event *e = &rig->events[seen];
			if (e->kind == ENGINE_OUTPUT_OK && e->output == 1) {
				return;
			}
		}
	}
	fail_msg("the output does not come back");
}

static void check_fault(const struct fault_case *c) {
	struct rig rig;
	struct rig_card cards[] = {
		{2, 48000, false, c->more},
		{2, 48000, false, NULL},
		{1, 48000, true, NULL},
	};
	int64_t zones[] = {1, 2, 3};
	print_message("%s\n", c->name);
	rig_start(&rig, cards, 3, 200);
	for (int i = 0; i < 3; i++) {
		rig_zone(&rig, zones[i], i + 1, 0, 0.0);
	}
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 2, 5));
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 3, 5));
	if (c->touch == NULL) {
		const struct engine_event *e =
			rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 1, 5);
		assert_non_null(e);
		assert_non_null(strstr(e->text, c->words));
	} else {
		assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	}
	size_t seen = 0;
	rig_submit(&rig, rig_chime(1, zones, 3, 1));
	if (c->touch != NULL) {
		assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
		rig_run(&rig, 0.3);
		rig_touch(&rig, c->touch);
		const struct engine_event *e =
			rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 1, 10);
		assert_non_null(e);
		assert_non_null(strstr(e->text, c->words));
		seen = (size_t)(e - rig.events) + 1;
	}
	check_end(&rig, 1, 1, ENGINE_END_FAILED, c->words);
	check_end(&rig, 1, 2, ENGINE_END_PLAYED, "");
	check_end(&rig, 1, 3, ENGINE_END_PLAYED, "");
	if (c->touch != NULL) {
		rig_remove(&rig, c->touch);
		wait_back(&rig, seen);
		rig_submit(&rig, rig_chime(2, zones, 1, 1));
		check_end(&rig, 2, 1, ENGINE_END_PLAYED, "");
	}
	assert_int_equal(rig_count(&rig, ENGINE_JOB_ENDED, 1, 0), 3);
	close_engine(&rig);
	check_whole(&rig, 2, 1);
	check_whole(&rig, 3, 1);
	rig_stop(&rig);
}

static void fails_alone(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		check_fault(&faults[i]);
	}
}

/* Not when the card is tried next, which may be seconds later: who waits for its end
 * could not say by then where the others are. */
static void fails_when_it_is_due(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {1, 48000, false, "fail_open 19"};
	int64_t zone = 1;
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, zone, 1, 0, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 1, 5));
	rig_run(&rig, 6.5); /* from then on it is tried every five seconds */
	for (int64_t id = 1; id <= 4; id++) {
		struct job *job = rig_chime(id, &zone, 1, 1);
		job->start_ns = now_ns() + 60000000;
		rig_submit(&rig, job);
		const struct engine_event *e =
			rig_wait(&rig, ENGINE_JOB_ENDED, id, zone, 1);
		assert_non_null(e);
		assert_int_equal(e->end, ENGINE_END_FAILED);
		assert_true(e->lost);
	}
	rig_stop(&rig);
}

/* A driver that never returns keeps what it had, and nothing that comes later: a year of
 * broadcasts into a dead card must leave room for the others. */
static void fills_up_with_no_jobs_of_a_driver_that_hangs(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card cards[] = {
		{1, 48000, false, "hang_write_file \"%s/cause\""},
		{1, 48000, false, NULL},
	};
	int64_t zones[] = {1, 2};
	rig_start_two(&rig, cards, zones);
	rig_touch(&rig, "cause");
	rig_submit(&rig, rig_chime(1, zones, 1, 1));
	check_end(&rig, 1, 1, ENGINE_END_FAILED, "has not answered");
	for (int64_t id = 2; id < 100; id++) {
		rig_submit(&rig, rig_chime(id, zones, 1, 1));
		check_end(&rig, id, 1, ENGINE_END_FAILED, "does not answer");
		/* The reader lets go of it too, and is an ordinary thread in some places.
		 */
		rig_run(&rig, 0.01);
	}
	rig_submit(&rig, rig_chime(100, zones, 2, 1));
	check_end(&rig, 100, 1, ENGINE_END_FAILED, "does not answer");
	check_end(&rig, 100, 2, ENGINE_END_PLAYED, "");
	rig_remove(&rig, "cause");
	wait_back(&rig, rig.n_events);
	rig_submit(&rig, rig_chime(101, zones, 2, 1));
	check_end(&rig, 101, 1, ENGINE_END_PLAYED, "");
	check_end(&rig, 101, 2, ENGINE_END_PLAYED, "");
	rig_stop(&rig);
}

/* A PCM nobody knows: its job fails with the name, and one not due yet waits for it. */
static void names_an_unknown_pcm(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {2, 48000, false, NULL};
	struct error err = {0};
	int64_t zone = 9;
	rig_start(&rig, &card, 1, 200);
	struct engine_output o = {.id = 5, .pcm = "nowhere", .channels = 1};
	assert_int_equal(engine_output_set(rig.engine, &o, &err), 0);
	rig_zone(&rig, zone, 5, 0, 0.0);
	const struct engine_event *e = rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 5, 5);
	assert_non_null(e);
	assert_non_null(strstr(e->text, "nowhere"));
	struct job *later = rig_chime(2, &zone, 1, 1);
	later->start_ns = now_ns() + 2500000000LL;
	rig_submit(&rig, later);
	rig_submit(&rig, rig_chime(1, &zone, 1, 1));
	check_end(&rig, 1, zone, ENGINE_END_FAILED, "nowhere");
	rig_run(&rig, 0.5);
	assert_int_equal(rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0), 1);
	/* Now it becomes a PCM that is there. */
	o.pcm = rig_pcm(&rig, 1);
	engine_output_remove(rig.engine, 1);
	o.channels = 2;
	assert_int_equal(engine_output_set(rig.engine, &o, &err), 0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 5, 5));
	check_end(&rig, 2, zone, ENGINE_END_PLAYED, "");
	close_engine(&rig);
	check_whole(&rig, 1, 1);
	rig_stop(&rig);
}

static void ends_jobs_of_a_removed_output(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card cards[] = {{1, 48000, false, NULL}, {1, 48000, false, NULL}};
	int64_t zones[] = {1, 2};
	struct error err = {0};
	rig_start(&rig, cards, 2, 200);
	rig_zone(&rig, 1, 1, 0, 0.0);
	rig_zone(&rig, 2, 2, 0, 0.0);
	rig_submit(&rig, rig_chime(1, zones, 2, 1));
	struct job *later = rig_chime(2, zones, 1, 1);
	later->start_ns = now_ns() + 60000000000LL;
	rig_submit(&rig, later);
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
	rig_run(&rig, 0.3);
	engine_output_remove(rig.engine, 1);
	check_end(&rig, 1, 1, ENGINE_END_FAILED, "the output was removed");
	check_end(&rig, 2, 1, ENGINE_END_FAILED, "the output was removed");
	assert_int_equal(engine_submit(rig.engine, rig_chime(3, zones, 1, 1), &err),
			 -ENOENT);
	check_end(&rig, 1, 2, ENGINE_END_PLAYED, "");
	close_engine(&rig);
	check_whole(&rig, 2, 1);
	rig_stop(&rig);
}

/* Replaced while it plays: the job goes on there, in step. */
static void goes_on_where_an_output_is_replaced(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card cards[] = {{1, 48000, false, NULL}, {1, 44100, false, NULL}};
	int64_t zone = 1;
	struct error err = {0};
	size_t n = 0;
	rig_start(&rig, cards, 2, 200);
	engine_output_remove(rig.engine, 2);
	rig_zone(&rig, zone, 1, 0, 0.0);
	rig_submit(&rig, rig_chime(1, &zone, 1, 2));
	const struct engine_event *started = rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5);
	assert_non_null(started);
	int64_t start_ns = started->at_ns;
	rig_run(&rig, 0.7);
	struct engine_output o = {.id = 1, .pcm = "card2", .channels = 1};
	assert_int_equal(engine_output_set(rig.engine, &o, &err), 0);
	const struct engine_event *e = check_end(&rig, 1, 1, ENGINE_END_PLAYED, "");
	float *wanted = rig_chime_frames(1, &n);
	assert_in_range(e->played_ms, 2 * n / 48 - 400, 2 * n / 48 - 1);
	assert_int_equal(rig_count(&rig, ENGINE_JOB_STARTED, 1, 0), 1);
	close_engine(&rig);
	struct heard h = rig_heard(&rig, 2, 0);
	struct match m = rig_match(&h, wanted, n);
	int64_t at_ns = h.start_ns + (int64_t)(m.frame * 1e9 / h.rate);
	/* It is the second chime that is whole. */
	double off_ms = (double)(at_ns - start_ns - (int64_t)n * 1000000 / 48) / 1e6;
	print_message("the rest: %.1f dB, off %.3f ms\n", m.snr_db, off_ms);
	assert_true(m.snr_db >= 50);
	assert_true(fabs(off_ms) < 1.0);
	free(h.frames);
	free(wanted);
	rig_stop(&rig);
}

static const char *const asleep[] = {
	"suspend_file \"%s/cause\"",
	"suspend_file \"%s/cause\" fail_resume 38", /* ENOSYS */
};

/* Suspended while it plays, twice: it is no fault, whether the driver can resume or not;
 * the job goes on there in step with the card beside it, which does not change. */
static void goes_on_where_it_was_suspended(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(asleep) / sizeof(asleep[0]); i++) {
		struct rig rig;
		struct rig_card cards[] = {{1, 48000, false, asleep[i]},
					   {1, 48000, false, NULL}};
		int64_t zones[] = {1, 2};
		size_t n = 0;
		rig_start_two(&rig, cards, zones);
		rig_submit(&rig, rig_chime(1, zones, 2, 2));
		assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
		for (int k = 0; k < 2; k++) {
			rig_run(&rig, 0.5);
			rig_touch(&rig, "cause");
		}
		const struct engine_event *e =
			check_end(&rig, 1, 1, ENGINE_END_PLAYED, "");
		check_end(&rig, 1, 2, ENGINE_END_PLAYED, "");
		assert_int_equal(rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0), 0);
		float *wanted = rig_chime_frames(1, &n);
		assert_in_range(e->played_ms, 2 * n / 48 - 1200, 2 * n / 48 - 2);
		close_engine(&rig);
		check_whole(&rig, 2, 2);
		int64_t at_ns[2];
		for (int64_t o = 1; o <= 2; o++) {
			struct heard h = rig_heard(&rig, o, 0);
			/* The second chime is whole on both. */
			assert_true(h.n > n + n / 2);
			memset(h.frames, 0, 2 * n / 3 * sizeof(*h.frames));
			struct match m = rig_match(&h, wanted, n);
			at_ns[o - 1] = h.start_ns + (int64_t)(m.frame * 1e9 / h.rate);
			print_message("%s: output %d: %.1f dB\n", asleep[i], (int)o,
				      m.snr_db);
			assert_true(m.snr_db >= 60);
			free(h.frames);
		}
		double off_ms = (double)(at_ns[0] - at_ns[1]) / 1e6;
		print_message("apart %.3f ms\n", off_ms);
		assert_true(fabs(off_ms) < 1.0);
		free(wanted);
		rig_stop(&rig);
	}
}

/* Freed at any moment, with jobs and orders under way. */
static void can_be_freed_while_playing(void **state) {
	(void)state;
	static const double moments[] = {0.0, 0.001, 0.004, 0.02, 0.3};
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		struct rig rig;
		struct rig_card cards[] = {{2, 44100, false, NULL},
					   {1, 48000, true, NULL},
					   {1, 48000, false, "fail_open 19"}};
		int64_t zones[] = {1, 2, 3};
		rig_start(&rig, cards, 3, 200);
		for (int k = 0; k < 3; k++) {
			rig_zone(&rig, zones[k], k + 1, 0, 0.0);
		}
		for (int64_t k = 1; k < 20; k++) {
			rig_submit(&rig, rig_chime(k, zones, 3, 3));
		}
		rig_run(&rig, moments[i]);
		engine_zone_remove(rig.engine, 1);
		engine_stop(rig.engine, 3, 0, 5);
		engine_output_remove(rig.engine, 2);
		int64_t before_ns = now_ns();
		close_engine(&rig);
		assert_true(now_ns() - before_ns < 600000000LL);
		rig_stop(&rig);
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fails_alone),
		cmocka_unit_test(fails_when_it_is_due),
		cmocka_unit_test(fills_up_with_no_jobs_of_a_driver_that_hangs),
		cmocka_unit_test(names_an_unknown_pcm),
		cmocka_unit_test(ends_jobs_of_a_removed_output),
		cmocka_unit_test(goes_on_where_an_output_is_replaced),
		cmocka_unit_test(goes_on_where_it_was_suspended),
		cmocka_unit_test(can_be_freed_while_playing),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
