/* test_engine_dry.c - a card that runs dry right after each start, or opens and then
 * fails. The output's thread goes before all ordinary ones: if it tried again without a
 * rest, nothing else on the box would run; and a fault that comes and goes is none that
 * anybody can act on. The card is one of this file's own, which counts what is asked of
 * it. In real time. */
#include "audio/engine_internal.h"
#include "engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define BUFFER 9600
#define ENDLESS_MS 1000000

/* Of the one card there is; its thread reads them, the test sets them. */
static _Atomic int runs_ms;   /* so long after a start it is dry */
static _Atomic bool refuses;  /* it says so when it is written to, before any start */
static _Atomic int breaks_ms; /* so long after a start it fails for good */
static _Atomic bool unwritable;
static _Atomic int starts;
static _Atomic int calls;
static _Atomic int opens;

struct card {
	struct pcm pcm;
	bool running;
	bool dry;
	int64_t start_ns;
	int64_t written;
};

static int64_t played(const struct card *c) {
	return c->running ? (engine_now_ns() - c->start_ns) * RATE / 1000000000LL : 0;
}

static void move(struct card *c) {
	bool late = c->running &&
		    engine_now_ns() - c->start_ns >= atomic_load(&runs_ms) * 1000000LL;
	c->dry = c->dry || late || played(c) > c->written;
}

static int card_write(struct pcm *p, const void *frames, int64_t n, struct error *err) {
	struct card *c = (struct card *)p;
	(void)frames;
	atomic_fetch_add(&calls, 1);
	move(c);
	if (atomic_load(&unwritable)) {
		return error_set(err, EIO, "cannot write to 'card1': Input/output error");
	}
	if (c->dry || atomic_load(&refuses)) {
		return error_set(err, EPIPE, "dry");
	}
	int64_t room = BUFFER - (c->written - played(c));
	n = n < room ? n : room;
	c->written += n;
	return (int)n;
}

static int card_start(struct pcm *p, struct error *err) {
	struct card *c = (struct card *)p;
	atomic_fetch_add(&starts, 1);
	if (atomic_load(&breaks_ms) == 0) {
		return error_set(err, ENODEV, "cannot start 'card1': No such device");
	}
	c->running = true;
	c->start_ns = engine_now_ns();
	return 0;
}

static int card_status(struct pcm *p, struct pcm_status *ret, struct error *err) {
	struct card *c = (struct card *)p;
	atomic_fetch_add(&calls, 1);
	move(c);
	if (c->running &&
	    engine_now_ns() - c->start_ns >= atomic_load(&breaks_ms) * 1000000LL) {
		return error_set(err, ENODEV,
				 "cannot read the state of 'card1': No such device");
	}
	*ret = (struct pcm_status){
		.state = c->dry       ? PCM_XRUN
			 : c->running ? PCM_RUNNING
				      : PCM_READY,
		.at_ns = engine_now_ns(),
		.queued = c->written - played(c),
		.delay = c->written - played(c),
	};
	return 0;
}

static int card_recover(struct pcm *p, struct error *err) {
	struct card *c = (struct card *)p;
	(void)err;
	atomic_fetch_add(&calls, 1);
	c->running = false;
	c->dry = false;
	c->written = 0;
	return 0;
}

static int64_t card_rewind(struct pcm *p, int64_t frames) {
	struct card *c = (struct card *)p;
	c->written -= frames;
	return frames;
}

static void card_free(struct pcm *p) {
	free(p);
}

static int card_open(const struct pcm_spec *spec, struct pcm **ret, struct error *err) {
	static const struct pcm_ops ops = {
		.write = card_write,
		.start = card_start,
		.status = card_status,
		.recover = card_recover,
		.rewind = card_rewind,
		.free = card_free,
	};
	struct card *c = calloc(1, sizeof(*c));
	(void)spec;
	if (c == NULL) {
		return error_set(err, ENOMEM, "no memory for a card");
	}
	c->pcm = (struct pcm){
		.ops = &ops,
		.format = MIX_S16,
		.rate = RATE,
		.channels = 1,
		.buffer_frames = BUFFER,
		.shallow_frames = RATE / 50,
		.rewind_margin = RATE / 250,
	};
	atomic_fetch_add(&opens, 1);
	*ret = &c->pcm;
	return 0;
}

static void start(struct rig *rig) {
	struct engine_config config = {.buffer_ms = 200};
	struct engine_output o = {.id = 1, .pcm = "card1", .channels = 1};
	struct error err = {0};
	*rig = (struct rig){.n_cards = 0};
	atomic_store(&starts, 0);
	atomic_store(&calls, 0);
	atomic_store(&opens, 0);
	atomic_store(&unwritable, false);
	atomic_store(&breaks_ms, ENDLESS_MS);
	assert_int_equal(engine_new_with(&config, card_open, &rig->engine, &err), 0);
	assert_int_equal(engine_output_set(rig->engine, &o, &err), 0);
	rig_zone(rig, 1, 1, 0, 0.0);
	assert_non_null(rig_wait_output(rig, ENGINE_OUTPUT_OK, 1, 5));
}

static size_t count_ok(const struct rig *rig) {
	return rig_count(rig, ENGINE_OUTPUT_OK, 0, 0);
}

/* Within so many seconds it is whole, plays, and the engine ends. */
static void check_mended(struct rig *rig, int seconds) {
	int64_t zone = 1;
	for (int i = 0; i < 10 * seconds && count_ok(rig) < 2; i++) {
		rig_run(rig, 0.1);
	}
	assert_int_equal(count_ok(rig), 2);
	rig_submit(rig, rig_chime(2, &zone, 1, 1));
	const struct engine_event *e = rig_wait(rig, ENGINE_JOB_ENDED, 2, 1, 15);
	assert_non_null(e);
	assert_int_equal(e->end, ENGINE_END_PLAYED);
	engine_free(rig->engine);
}

struct dry_case {
	const char *name;
	int runs_ms;
	bool refuses;
	int starts_max; /* in a second */
	int calls_max;
};

static struct dry_case dry_cases[] = {
	{"dry at once", 0, false, 100, 1000},
	{"dry after 30 ms", 30, false, 60, 1000},
	{"dry before its start", ENDLESS_MS, true, 0, 1000},
};

/* It is tried with pauses, then it is a fault, which stays until the card runs: the job
 * ends with it, and none that comes sounds. */
static void rests_between_starts(void **state) {
	const struct dry_case *c = *state;
	struct rig rig;
	int64_t zone = 1;
	atomic_store(&runs_ms, c->runs_ms);
	atomic_store(&refuses, c->refuses);
	start(&rig);
	rig_submit(&rig, rig_chime(1, &zone, 1, 20));
	rig_run(&rig, 3.0);
	print_message("%d starts, %d calls in 3 s\n", atomic_load(&starts),
		      atomic_load(&calls));
	assert_true(atomic_load(&starts) <= 3 * c->starts_max);
	assert_in_range(atomic_load(&calls), 10, 3 * c->calls_max);
	assert_null(rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 1, 0));
	const struct engine_event *e = rig_wait_output(&rig, ENGINE_OUTPUT_FAULT, 1, 7);
	assert_non_null(e);
	assert_non_null(strstr(e->text, "'card1' runs dry right after each start"));
	e = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 1, 5);
	assert_non_null(e);
	assert_int_equal(e->end, ENGINE_END_FAILED);
	assert_non_null(strstr(e->text, "runs dry"));
	/* Tried again, and nothing is told of it. */
	int before = atomic_load(&opens);
	rig_run(&rig, 2.0);
	assert_in_range(atomic_load(&opens) - before, 1, 12);
	assert_int_equal(rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0), 1);
	assert_int_equal(count_ok(&rig), 1);
	/* Mended. */
	atomic_store(&runs_ms, ENDLESS_MS);
	atomic_store(&refuses, false);
	check_mended(&rig, 8);
}

struct broken_case {
	const char *name;
	bool unwritable;
	int breaks_ms;
	const char *words;
};

static struct broken_case broken_cases[] = {
	{"not to be written to", true, ENDLESS_MS, "Input/output error"},
	{"not to be started", false, 0, "No such device"},
	{"gone 50 ms after each start", false, 50, "No such device"},
	{"gone 300 ms after each start", false, 300, "No such device"},
};

/* One that opens and then fails is tried as rarely as one that does not open, and has one
 * fault until it is mended. */
static void has_one_fault_while_it_fails(void **state) {
	const struct broken_case *c = *state;
	struct rig rig;
	int64_t zone = 1;
	atomic_store(&runs_ms, ENDLESS_MS);
	atomic_store(&refuses, false);
	start(&rig);
	atomic_store(&unwritable, c->unwritable);
	atomic_store(&breaks_ms, c->breaks_ms);
	rig_submit(&rig, rig_chime(1, &zone, 1, 1));
	const struct engine_event *e = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 1, 5);
	assert_non_null(e);
	assert_int_equal(e->end, ENGINE_END_FAILED);
	assert_non_null(strstr(e->text, c->words));
	for (int64_t id = 100; id < 140; id++) {
		rig_submit(&rig, rig_chime(id, &zone, 1, 1));
		rig_run(&rig, 0.2);
	}
	print_message("opened %d times in 8 s, %zu faults told\n", atomic_load(&opens),
		      rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0));
	assert_in_range(atomic_load(&opens), 4, 10);
	assert_int_equal(rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0), 1);
	assert_int_equal(count_ok(&rig), 1);
	atomic_store(&unwritable, false);
	atomic_store(&breaks_ms, ENDLESS_MS);
	check_mended(&rig, 15);
}

/* Dry now and then is a busy box: it goes on, and that is no fault. */
static void goes_on_where_it_ran_a_while(void **state) {
	(void)state;
	struct rig rig;
	int64_t zone = 1;
	atomic_store(&runs_ms, 400);
	atomic_store(&refuses, false);
	start(&rig);
	rig_submit(&rig, rig_chime(1, &zone, 1, 3));
	const struct engine_event *e = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 1, 30);
	assert_non_null(e);
	assert_int_equal(e->end, ENGINE_END_PLAYED);
	assert_true(atomic_load(&starts) > 5);
	assert_int_equal(rig_count(&rig, ENGINE_OUTPUT_FAULT, 0, 0), 0);
	engine_free(rig.engine);
}

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

int main(int argc, char **argv) {
	struct CMUnitTest tests[1 + COUNT(dry_cases) + COUNT(broken_cases)] = {
		cmocka_unit_test(goes_on_where_it_ran_a_while),
	};
	size_t n = 1;
	for (size_t i = 0; i < COUNT(dry_cases); i++) {
		tests[n++] = (struct CMUnitTest){.name = dry_cases[i].name,
						 .test_func = rests_between_starts,
						 .initial_state = &dry_cases[i]};
	}
	for (size_t i = 0; i < COUNT(broken_cases); i++) {
		tests[n++] =
			(struct CMUnitTest){.name = broken_cases[i].name,
					    .test_func = has_one_fault_while_it_fails,
					    .initial_state = &broken_cases[i]};
	}
	return rig_main(tests, n, argc, argv);
}
