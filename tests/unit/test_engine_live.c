/* test_engine_live.c - live jobs on the engine as a whole: a sender pushes what it says
 * in real time, and what the cards played is looked for in it: how much later, how clean.
 * Takes real time. */
#include "engine_rig.h"

#include "audio/jitter.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 48000
#define CHUNK_MS 20
#define CHUNK (RATE / 1000 * CHUNK_MS)
#define SECONDS 20
#define PIECE 2400    /* of what was said, looked for */
#define CLEAN_DB 12.0 /* at a speed that changes by 0.1 %; 74 dB where it does not */
#define LATEST_MS 300 /* mouth to horn, by the issue */

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Somebody who speaks: noise below 1 kHz, different at every moment. */
struct speaker {
	struct jitter *jitter;
	float said[RATE * SECONDS];
	int64_t since_ns; /* of the first frame */
	size_t n;         /* frames pushed */
};

static void speaker_new(struct speaker *s) {
	struct jitter_config config = {
		.rate = RATE, .least_ms = 10, .most_ms = 180, .speed_ppm = 5000};
	uint32_t seed = 12345;
	double low[4] = {0};
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < RATE * SECONDS; i++) {
		seed = seed * 1664525U + 1013904223U;
		double x = (double)(seed >> 8) / (1 << 23) - 1.0;
		for (int k = 0; k < 4; k++) {
			low[k] += (x - low[k]) * 0.1;
			x = low[k];
		}
		s->said[i] = (float)(x * 1.5);
	}
	assert_int_equal(jitter_new(&config, &s->jitter, NULL), 0);
}

/* Speaks for so long: a chunk is pushed when its last frame has been said. */
static void speak(struct rig *rig, struct speaker *s, double seconds) {
	size_t end = s->n + (size_t)(seconds * RATE);
	assert_true(end <= RATE * SECONDS);
	if (s->since_ns == 0) {
		s->since_ns = now_ns();
	}
	while (s->n + CHUNK <= end) {
		int64_t at_ns = s->since_ns + (int64_t)(s->n + CHUNK) * 1000000000 / RATE;
		int64_t rest_ns = at_ns - now_ns();
		if (rest_ns > 0) {
			rig_run(rig, (double)rest_ns / 1e9);
			continue;
		}
		assert_int_equal(jitter_push(s->jitter, s->said + s->n, CHUNK), CHUNK);
		s->n += CHUNK;
	}
}

static struct job *live_job(const struct speaker *s, int64_t id, const int64_t *zones,
			    size_t n) {
	struct job *job = job_new(1, n);
	assert_non_null(job);
	job->id = id;
	job->parts[0].kind = JOB_PART_LIVE;
	job->parts[0].jitter = jitter_ref(s->jitter);
	memcpy(job->zones, zones, n * sizeof(*zones));
	return job;
}

/* How much later what was said at `at` s was heard, and how clean. */
struct delay {
	double ms;
	double snr_db;
};

static struct delay delay_of(const struct speaker *s, const struct heard *h, double at) {
	/* Only where it can be: within half a second. */
	int64_t said_ns = s->since_ns + (int64_t)(at * 1e9);
	double from = (double)(said_ns - h->start_ns) * h->rate / 1e9;
	size_t first = from > 0 ? (size_t)from : 0;
	size_t span = (size_t)(0.6 * h->rate);
	struct heard window = {.frames = h->frames + first,
			       .n = first + span < h->n ? span : h->n - first,
			       .rate = h->rate};
	assert_true(first < h->n);
	struct match m = rig_match(&window, s->said + (size_t)(at * RATE), PIECE);
	return (struct delay){(m.frame + (double)first - from) * 1000.0 / h->rate,
			      m.snr_db};
}

struct live_case {
	const char *name;
	struct rig_card card;
	int lead_ms;
};

static const struct live_case lives[] = {
	{"card", {2, 48000, false, NULL}, 0},
	{"card, 44.1 kHz", {1, 44100, false, NULL}, 0},
	{"card, 16 kHz", {1, 16000, false, NULL}, 0},
	{"card with 30 ms of its own", {1, 48000, false, "fifo_frames 1440"}, 0},
	{"card, 200 ppm fast", {1, 48000, false, "ppm 200"}, 0},
	{"amplifier that wakes for 500 ms", {1, 48000, false, NULL}, 500},
};

static void check_live(const struct live_case *c) {
	static struct speaker s;
	struct rig rig;
	speaker_new(&s);
	rig_start(&rig, &c->card, 1, 200);
	int channel = 0;
	struct engine_zone zone = {.id = 7,
				   .output = 1,
				   .channels = &channel,
				   .n_channels = 1,
				   .lead_ms = c->lead_ms};
	assert_int_equal(engine_zone_set(rig.engine, &zone, NULL), 0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	rig_submit(&rig, live_job(&s, 1, &zone.id, 1));
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 7, 5));
	speak(&rig, &s, 4.0);
	jitter_end(s.jitter);
	const struct engine_event *ended = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 7, 5);
	assert_non_null(ended);
	assert_int_equal(ended->end, ENGINE_END_PLAYED);
	struct jitter_facts facts;
	jitter_facts(s.jitter, &facts);
	engine_free(rig.engine);
	rig.engine = NULL;
	struct heard h = rig_heard(&rig, 1, 0);
	double worst_ms = 0.0;
	int clean = 0;
	int n = 0;
	for (; n < 7; n++) {
		double at = 0.5 + 0.5 * n;
		struct delay d = delay_of(&s, &h, at);
		print_message("  at %.1f s: %.2f ms %.1f dB\n", at, d.ms, d.snr_db);
		worst_ms = fmax(worst_ms, d.ms);
		clean += d.snr_db >= CLEAN_DB;
	}
	print_message(
		"%s: %.1f ms mouth to horn at the most, %d of %d clean; %lld gaps\n",
		c->name, worst_ms, clean, n, (long long)facts.gaps);
	free(h.frames);
	rig_stop(&rig);
	jitter_unref(s.jitter);
	assert_true(worst_ms <= LATEST_MS);
	/* Where the machine was busy there may be a gap. */
	assert_true(clean >= n * 2 / 3);
}

static void is_heard_at_once(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		check_live(&lives[i]);
	}
}

/* Two cards 100 ppm apart: what is made at the pace of the clock is heard at that pace,
 * in both at once. */
static void two_cards_stay_together(void **state) {
	(void)state;
	static const struct rig_card cards[] = {{1, 48000, false, "ppm 50"},
						{1, 48000, false, "ppm -50"}};
	static const double ppm[] = {50, -50};
	static struct speaker s;
	struct rig rig;
	int64_t zones[] = {7, 8};
	double heard_ms[2][5];
	speaker_new(&s);
	rig_start_two(&rig, cards, zones);
	rig_submit(&rig, live_job(&s, 1, zones, 2));
	speak(&rig, &s, 10.0);
	jitter_end(s.jitter);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rig_wait(&rig, ENGINE_JOB_ENDED, 1, zones[i], 5)->end,
				 ENGINE_END_PLAYED);
	}
	engine_free(rig.engine);
	rig.engine = NULL;
	for (int i = 0; i < 2; i++) {
		struct heard h = rig_heard(&rig, i + 1, 0);
		for (int k = 0; k < 5; k++) {
			double at = 1.0 + 2.0 * k;
			struct delay d = delay_of(&s, &h, at);
			double since_ms = (double)(s.since_ns - h.start_ns) / 1e6;
			double card_ms = d.ms + at * 1e3 + since_ms;
			heard_ms[i][k] = card_ms / (1.0 + ppm[i] * 1e-6) - since_ms;
			assert_true(d.snr_db >= CLEAN_DB);
		}
		free(h.frames);
	}
	for (int k = 0; k < 5; k++) {
		double apart_ms = heard_ms[0][k] - heard_ms[1][k];
		print_message("  at %d s: %+.3f ms apart\n", 1 + 2 * k, apart_ms);
		assert_true(fabs(apart_ms) <= 0.2);
	}
	rig_stop(&rig);
	jitter_unref(s.jitter);
}

/* Taken out of one of its zones it goes on in the other, and comes back there as another
 * job, with what is said then. */
static void comes_back(void **state) {
	(void)state;
	static const struct rig_card cards[] = {{1, 48000, false, NULL},
						{1, 48000, false, NULL}};
	static struct speaker s;
	struct rig rig;
	int64_t zones[] = {7, 8};
	speaker_new(&s);
	rig_start_two(&rig, cards, zones);
	rig_submit(&rig, live_job(&s, 1, zones, 2));
	speak(&rig, &s, 2.0);
	engine_stop(rig.engine, 1, 7, 200);
	speak(&rig, &s, 1.5);
	assert_int_equal(rig_count(&rig, ENGINE_JOB_ENDED, 1, 7), 1);
	assert_int_equal(rig_count(&rig, ENGINE_JOB_ENDED, 1, 8), 0);
	rig_submit(&rig, live_job(&s, 2, zones, 1));
	speak(&rig, &s, 2.5);
	jitter_end(s.jitter);
	assert_int_equal(rig_wait(&rig, ENGINE_JOB_ENDED, 1, 8, 5)->end,
			 ENGINE_END_PLAYED);
	assert_int_equal(rig_wait(&rig, ENGINE_JOB_ENDED, 2, 7, 5)->end,
			 ENGINE_END_PLAYED);
	engine_free(rig.engine);
	rig.engine = NULL;
	for (int i = 0; i < 2; i++) {
		struct heard h = rig_heard(&rig, i + 1, 0);
		struct delay before = delay_of(&s, &h, 1.0);
		struct delay after = delay_of(&s, &h, 5.0);
		size_t gap =
			(size_t)((double)(s.since_ns - h.start_ns) * 48e-6 + 2.9 * RATE);
		float peak = rig_peak(&h, gap, gap + RATE / 5);
		print_message("zone %d: %.1f ms %.1f dB, peak %.3f between, then %.1f ms "
			      "%.1f dB\n",
			      7 + i, before.ms, before.snr_db, (double)peak, after.ms,
			      after.snr_db);
		assert_true(before.ms <= LATEST_MS && after.ms <= LATEST_MS);
		assert_true(after.snr_db >= CLEAN_DB);
		assert_true(i == 0 ? peak <= 0.0F : peak > 0.05F);
		free(h.frames);
	}
	rig_stop(&rig);
	jitter_unref(s.jitter);
}

/* A live part of a given length, at a given time, between two others: what a relay is. */
static void is_a_part(void **state) {
	(void)state;
	static const struct rig_card card = {1, 48000, false, NULL};
	static struct speaker s;
	struct rig rig;
	int64_t zone = 7;
	speaker_new(&s);
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, 7, 1, 0, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	struct job *job = job_new(3, 1);
	assert_non_null(job);
	job->id = 1;
	job->zones[0] = zone;
	job->parts[0] = (struct job_part){.kind = JOB_PART_SILENCE, .silence_ms = 300};
	job->parts[1] = (struct job_part){.kind = JOB_PART_LIVE,
					  .frames = 2 * RATE,
					  .jitter = jitter_ref(s.jitter)};
	job->parts[2] = (struct job_part){.kind = JOB_PART_SILENCE, .silence_ms = 300};
	job->start_ns = now_ns() + 400000000;
	int64_t start_ns = job->start_ns;
	rig_submit(&rig, job);
	/* No longer than the buffer holds before and behind the part. */
	speak(&rig, &s, 3.0);
	const struct engine_event *started = rig_wait(&rig, ENGINE_JOB_STARTED, 1, 7, 5);
	assert_non_null(started);
	assert_true(llabs(started->at_ns - start_ns) < 40000000);
	const struct engine_event *ended = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 7, 5);
	assert_non_null(ended);
	assert_int_equal(ended->end, ENGINE_END_PLAYED);
	assert_in_range(ended->played_ms, 2500, 2601);
	struct jitter_facts facts;
	jitter_facts(s.jitter, &facts);
	assert_int_equal(facts.refused_ms, 0);
	engine_free(rig.engine);
	rig.engine = NULL;
	struct heard h = rig_heard(&rig, 1, 0);
	struct delay d = delay_of(&s, &h, 1.5);
	print_message("part: %.1f ms, %.1f dB\n", d.ms, d.snr_db);
	assert_true(d.ms <= LATEST_MS);
	free(h.frames);
	rig_stop(&rig);
	jitter_unref(s.jitter);
}

static void sleep_in_it(int number) {
	(void)number;
	struct timespec rest = {.tv_sec = 1, .tv_nsec = 500000000};
	nanosleep(&rest, NULL);
}

/* The thread of that name does nothing for 1.5 s. */
static void hold_up(const char *name) {
	struct sigaction action = {.sa_handler = sleep_in_it};
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	int found = 0;
	for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
		char path[300];
		char comm[32] = "";
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		FILE *f = fopen(path, "re");
		if (f == NULL) {
			continue; /* "." and ".." */
		}
		if (fgets(comm, sizeof(comm), f) != NULL) {
			comm[strcspn(comm, "\n")] = '\0';
		}
		fclose(f);
		if (strcmp(comm, name) == 0) {
			pid_t id = (pid_t)strtol(d->d_name, NULL, 10);
			assert_int_equal(syscall(SYS_tgkill, getpid(), id, SIGUSR1), 0);
			found++;
		}
	}
	closedir(tasks);
	assert_int_equal(found, 1);
}

/* A call, job 2 in zone 7, which is heard. */
static void begin_call(struct rig *rig, const struct rig_card *card, struct speaker *s) {
	int64_t zone = 7;
	speaker_new(s);
	rig_start(rig, card, 1, 200);
	rig_zone(rig, 7, 1, 0, 0.0);
	assert_non_null(rig_wait_output(rig, ENGINE_OUTPUT_OK, 1, 5));
	rig_submit(rig, live_job(s, 2, &zone, 1));
	assert_non_null(rig_wait(rig, ENGINE_JOB_STARTED, 2, 7, 2));
}

/* It is over, and was heard well from from_s on. */
static void check_call(struct rig *rig, struct speaker *s, double from_s,
		       const char *beside) {
	jitter_end(s->jitter);
	assert_int_equal(rig_wait(rig, ENGINE_JOB_ENDED, 2, 7, 5)->end,
			 ENGINE_END_PLAYED);
	engine_free(rig->engine);
	rig->engine = NULL;
	struct heard h = rig_heard(rig, 1, 0);
	struct delay d = delay_of(s, &h, from_s);
	print_message("beside %s: %.1f ms, %.1f dB\n", beside, d.ms, d.snr_db);
	assert_true(d.ms <= LATEST_MS && d.snr_db >= CLEAN_DB);
	free(h.frames);
	rig_stop(rig);
	jitter_unref(s->jitter);
}

/* The reader waits for a disk that does not answer. What is live goes on. */
static void does_not_wait_for_a_disk(void **state) {
	(void)state;
	static const struct rig_card card = {1, 48000, false, NULL};
	static struct speaker s;
	struct rig rig;
	begin_call(&rig, &card, &s);
	speak(&rig, &s, 0.5);
	hold_up("reader");
	speak(&rig, &s, 1.5);
	check_call(&rig, &s, 1.2, "a disk that hangs");
}

/* A relayed job that has a fallback waits for its disk, here by itself. */
static void does_not_wait_for_a_fallback(void **state) {
	(void)state;
	static const struct rig_card card = {2, 48000, false, NULL};
	static struct speaker s;
	static struct speaker mute;
	struct rig rig;
	int64_t zone = 7;
	speaker_new(&s);
	speaker_new(&mute);
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, 7, 1, 0, 0.0);
	rig_zone(&rig, 8, 1, 1, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	struct job *job = job_new(1, 1);
	assert_non_null(job);
	job->id = 1;
	job->zones[0] = 8;
	job->parts[0] = (struct job_part){.kind = JOB_PART_RELAY,
					  .frames = RATE,
					  .path = strdup(rig_path(&rig, "fallback")),
					  .title = strdup("fallback"),
					  .jitter = jitter_ref(mute.jitter)};
	rig_submit(&rig, job);
	rig_submit(&rig, live_job(&s, 2, &zone, 1));
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 2, 7, 2));
	hold_up("relay reader");
	speak(&rig, &s, 1.3);
	/* It is this one that was held up. */
	assert_int_equal(rig_count(&rig, ENGINE_JOB_ENDED, 1, 8), 0);
	speak(&rig, &s, 0.7);
	check_call(&rig, &s, 1.0, "a fallback that hangs");
	jitter_unref(mute.jitter);
}

/* How often the thread of this name has slept. */
static long sleeps_of(const char *name) {
	long n = -1;
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
		char path[300];
		char line[200];
		bool is_it = false;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", d->d_name);
		FILE *f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			line[strcspn(line, "\n")] = '\0';
			is_it = is_it || (strncmp(line, "Name:\t", 6) == 0 &&
					  strcmp(line + 6, name) == 0);
			if (is_it && strncmp(line, "voluntary_ctxt_switches:", 24) == 0) {
				n = strtol(line + 24, NULL, 10);
			}
		}
		if (f != NULL) {
			fclose(f);
		}
	}
	closedir(tasks);
	assert_true(n >= 0);
	return n;
}

/* Of a call little is ever queued: that is no reason to look for more all the time. */
static void sleeps_meanwhile(void **state) {
	(void)state;
	static const struct rig_card card = {1, 48000, false, NULL};
	static struct speaker s;
	struct rig rig;
	begin_call(&rig, &card, &s);
	speak(&rig, &s, 1.0);
	long before = sleeps_of("output 1");
	speak(&rig, &s, 1.0);
	long sleeps = sleeps_of("output 1") - before;
	print_message("slept %ld times in a second\n", sleeps);
	assert_in_range(sleeps, 20, 500);
	check_call(&rig, &s, 1.0, "itself");
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_heard_at_once),
		cmocka_unit_test(two_cards_stay_together),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(is_a_part),
		cmocka_unit_test(does_not_wait_for_a_disk),
		cmocka_unit_test(does_not_wait_for_a_fallback),
		cmocka_unit_test(sleeps_meanwhile),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
