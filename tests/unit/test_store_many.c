/* test_store_many.c - a box with very many rows: a page costs what is on it, wherever it
 * lies. Counted in steps of SQLite's machine, which do not depend on the clock; the time
 * is printed. */
#include "schedule/store_internal.h"
#include "store_rows.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MANY 20000
#define SCHEDULES (getenv("STORE_MANY") == NULL ? MANY : atol(getenv("STORE_MANY")))

static struct error err;
static char path[] = "/tmp/test_store_many.XXXXXX";

static double seconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One zone in eight areas, an announcement, MANY schedules of it and a run of each. */
static int fill(void **state) {
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	struct store *s = NULL;
	assert_ok(store_open(path, &s, &err));
	int64_t output = 0;
	int64_t zone = 0;
	int64_t announcement = 0;
	int64_t id = 0;
	assert_ok(store_begin(s, &err));
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "a", output, 0, 0, &zone, &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	for (long i = 0; i < SCHEDULES; i++) {
		assert_ok(add_schedule(s, announcement, zone, &id, &err));
		assert_ok(claim_run(s, id, NOON_US + i, zone, &id, &err));
		if (i % 100 != 0) {
			assert_ok(store_run_finish(s, id, zone, OUTCOME_PLAYED, NULL, 1,
						   &err));
		}
	}
	assert_ok(store_commit(s, &err));
	store_close(s);
	double before = seconds();
	assert_ok(store_open(path, &s, &err));
	print_message("%ld schedules and runs: opened in %.3f s\n", SCHEDULES,
		      seconds() - before);
	*state = s;
	return 0;
}

static int empty(void **state) {
	store_close(*state);
	return remove(path);
}

static long steps;

static int count_step(void *unused) {
	(void)unused;
	steps++;
	return 0;
}

/* Counts in tens of steps. */
static void count(struct store *s) {
	steps = 0;
	sqlite3_progress_handler(s->db, 10, count_step, NULL);
}

static void every_page_of_schedules_costs_the_same(void **state) {
	struct store *s = *state;
	struct store_page page = {0, 1000};
	long first = 0;
	size_t seen = 0;
	double before = seconds();
	for (;;) {
		struct schedule *items = NULL;
		size_t n = 0;
		count(s);
		assert_ok(store_schedule_list(s, page, &items, &n, &err));
		first = first == 0 ? steps : first;
		assert_true(steps <= first + first / 10);
		assert_true(steps < 1000 * 4);
		seen += n;
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(items[i].id, page.after + 1);
			assert_int_equal(items[i].zones.n, 1);
			page.after = items[i].id;
		}
		schedule_list_free(items, n);
		if (n < 1000) {
			break;
		}
	}
	assert_int_equal(seen, SCHEDULES);
	print_message("listed in %.3f s, %ld steps a page\n", seconds() - before,
		      10 * first);
}

/* What is asked every day may not read everything: a few steps a row. */
static void what_is_asked_every_day_reads_only_that(void **state) {
	struct store *s = *state;
	struct run *runs = NULL;
	size_t n = 0;
	count(s);
	assert_ok(store_run_open(s, &runs, &n, &err));
	assert_int_equal(n, (SCHEDULES + 99) / 100);
	assert_true(steps < (long)n * 20);
	run_list_free(runs, n);
	static const struct store_filter filters[] = {
		{TIME_NONE, TIME_NONE, 0, -1, 0, 50},
		{TIME_NONE, TIME_NONE, 0, -1, 200, 50},
		{TIME_NONE, TIME_NONE, 1, -1, 0, 50},
		{TIME_NONE, TIME_NONE, 0, OUTCOME_PLANNED, 0, 50},
		{NOON_US + 500, NOON_US + 550, 0, -1, 0, 50},
		{NOON_US + 500, NOON_US + 550, 1, -1, 0, 50},
	};
	for (size_t i = 0; i < LENGTH(filters); i++) {
		count(s);
		assert_ok(store_run_list(s, &filters[i], &runs, &n, &err));
		assert_int_equal(n, 50);
		run_list_free(runs, n);
		if (steps > 1000) {
			fail_msg("filter %zu: %ld steps", i, 10 * steps);
		}
	}
	int64_t id = 0;
	count(s);
	assert_int_equal(claim_run(s, 1, NOON_US, 1, &id, &err), -EEXIST);
	assert_ok(claim_run(s, 1, NOON_US - 5, 1, &id, &err));
	assert_true(steps < 100);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_of_schedules_costs_the_same),
		cmocka_unit_test(what_is_asked_every_day_reads_only_that),
	};
	return cmocka_run_group_tests(tests, fill, empty);
}
