/* test_store_faults.c - the disk is full, or fails, or memory runs out, at the Nth time,
 * for N = 1, 2, 3 ... until nothing fails any more. Each refused change is told, leaves
 * everything as it was, and can be made again at once; a daemon goes on without a new
 * start. What was answered is there after one. */
#include "fault_vfs.h"
#include "schedule/store_internal.h"
#include "store_rows.h"
#include "store_steps.h"

#include <stdio.h>
#include <time.h>

#define PATH "/box/dalaba.db"

/* Small allocations by the million: how each came about is not worth their time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
	return "malloc_context_size=2:quarantine_size_mb=4";
}

static struct error err;
static unsigned seed;
static char *dumps[STORE_STEPS + 1];

/* ---- memory that runs out: SQLite's and our own ---- */

static struct {
	long left; /* until the one that fails; 0: none */
	bool lasting;
	bool struck;
} memory;

static bool memory_strikes(void) {
	if (memory.left == 0 || --memory.left > 0) {
		return false;
	}
	memory.left = memory.lasting ? 1 : 0;
	memory.struck = true;
	return true;
}

static void memory_fail(long n, bool lasting) {
	memory.left = n;
	memory.lasting = lasting;
	memory.struck = false;
}

/* The linker sends the calls of this program here (--wrap); __real_* are the library's.
 */
#define WRAP(type, name, parameters, arguments)                                          \
	type __real_##name parameters;                                                   \
	type __wrap_##name parameters;                                                   \
	type __wrap_##name parameters {                                                  \
		return memory_strikes() ? NULL : __real_##name arguments;                \
	}
WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAP(char *, strdup, (const char *text), (text))

static sqlite3_mem_methods below;

static void *sqlite_malloc(int size) {
	return memory_strikes() ? NULL : below.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size) {
	return memory_strikes() ? NULL : below.xRealloc(old, size);
}

static int install(void **state) {
	(void)state;
	seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below), SQLITE_OK);
	sqlite3_mem_methods methods = below;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
	disk_memory(__real_realloc);
	disk_install();
	store_dump_all(PATH, dumps);
	disk_clear();
	return 0;
}

static int uninstall(void **state) {
	(void)state;
	for (int i = 0; i <= STORE_STEPS; i++) {
		free(dumps[i]);
	}
	disk_remove();
	return 0;
}

/* ---- one fault, at every time ---- */

struct fault {
	const char *name;
	enum disk_fault disk;
	bool lasting;
	bool of_memory;
	int code; /* what is told then */
};

static const char *now; /* the fault under way */

/* Opening asks for memory thousands of times, most of them within SQLite's parser: ever
 * fewer of them are tried, others at each run. */
static long next_time(const struct fault *fault, long n) {
	return fault->of_memory ? n + 1 + rand_r(&seed) % (1 + n / 16) : n + 1;
}

static void strike(const struct fault *fault, long n) {
	if (fault->of_memory) {
		memory_fail(n, fault->lasting);
	} else {
		disk_fail(fault->disk, n, fault->lasting);
	}
}

static bool struck(const struct fault *fault) {
	return fault->of_memory ? memory.struck : disk_struck();
}

static void heal(void) {
	memory.left = 0;
	disk_heal();
}

static void expect_dump(struct store *s, int steps) {
	AUTO(str_done) struct str dump = STR_INIT;
	store_dump(s, &dump);
	if (strcmp(dump.data, dumps[steps]) != 0) {
		fail_msg("%s: not as after %d steps", now, steps);
	}
}

static void expect_refusal(const struct fault *fault, int rc) {
	if (rc != -fault->code || err.code != fault->code || strlen(err.text) < 20) {
		fail_msg("%s: %d %d %s", now, rc, err.code, err.text);
	}
}

/* Opening an empty disk and one with a whole box on it. Returns how often it failed. */
static long fail_opening(const struct fault *fault, bool empty, int steps) {
	long times = 0;
	for (long n = 1;; n = next_time(fault, n)) {
		if (empty) {
			disk_clear();
		} else {
			disk_load();
		}
		struct store *s = NULL;
		memset(&err, 0, sizeof(err));
		strike(fault, n);
		int rc = store_open(PATH, &s, &err);
		bool did = struck(fault);
		heal();
		if (rc < 0) {
			assert_true(did);
			assert_null(s);
			expect_refusal(fault, rc);
			assert_ok(store_open(PATH, &s, &err));
		}
		expect_dump(s, steps);
		store_close(s);
		if (!did) {
			return times;
		}
		times++;
	}
}

/* Prepared statements are prepared again: the same memory is asked for each time. */
static void forget_statements(struct store *s) {
	for (size_t i = 0; i < STORE_STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i].statement);
		s->statements[i].statement = NULL;
		s->statements[i].sql = NULL;
	}
	assert_ok(store_prepare_ends(s, &err));
}

/* One step again and again, in one life, until nothing struck it. */
static long fail_step(const struct fault *fault, struct store *s, int i) {
	for (long n = 1;; n++) {
		forget_statements(s);
		memset(&err, 0, sizeof(err));
		strike(fault, n);
		int rc = store_step(s, i, &err);
		bool did = struck(fault);
		heal();
		if (rc == 0) {
			expect_dump(s, i + 1);
			return n - 1;
		}
		assert_true(did);
		expect_refusal(fault, rc);
		expect_dump(s, i);
	}
}

static long fail_closing(const struct fault *fault) {
	for (long n = 1;; n++) {
		disk_load();
		struct store *s = NULL;
		assert_ok(store_open(PATH, &s, &err));
		assert_ok(store_step(s, 1, &err));
		strike(fault, n);
		store_close(s);
		bool did = struck(fault);
		heal();
		assert_ok(store_open(PATH, &s, &err));
		expect_dump(s, 2);
		store_close(s);
		if (!did) {
			return n - 1;
		}
	}
}

static void fail_everything(const struct fault *fault) {
	now = fault->name;
	long opening = fail_opening(fault, true, 0);
	disk_clear();
	struct store *s = NULL;
	assert_ok(store_open(PATH, &s, &err));
	long steps = 0;
	for (int i = 0; i < STORE_STEPS; i++) {
		steps += fail_step(fault, s, i);
		if (i == 0) {
			store_close(s);
			disk_save();
			assert_ok(store_open(PATH, &s, &err));
		}
	}
	store_close(s);
	s = NULL;
	assert_ok(store_open(PATH, &s, &err));
	expect_dump(s, STORE_STEPS);
	store_close(s);
	opening += fail_opening(fault, false, 1);
	long closing = fail_closing(fault);
	print_message("%s: %ld times opening, %ld changing, %ld closing\n", fault->name,
		      opening, steps, closing);
	assert_true(opening > 0 && steps + closing > 0);
}

static void a_disk_that_fails_costs_nothing(void **state) {
	(void)state;
	static const struct fault faults[] = {
		{"full once", DISK_FULL, false, false, ENOSPC},
		{"full for long", DISK_FULL, true, false, ENOSPC},
		{"a bad write", DISK_BAD_WRITE, false, false, EIO},
		{"a bad sync", DISK_BAD_SYNC, false, false, EIO},
		{"bad syncs for long", DISK_BAD_SYNC, true, false, EIO},
		{"a bad read", DISK_BAD_READ, false, false, EIO},
		{"a bad folder", DISK_BAD_OTHER, false, false, EIO},
	};
	for (size_t i = 0; i < LENGTH(faults); i++) {
		fail_everything(&faults[i]);
	}
}

static void memory_that_runs_out_costs_nothing(void **state) {
	(void)state;
	static const struct fault faults[] = {
		{"memory once", 0, false, true, ENOMEM},
		{"memory for long", 0, true, true, ENOMEM},
	};
	for (size_t i = 0; i < LENGTH(faults); i++) {
		fail_everything(&faults[i]);
	}
}

/* A box with a full disk still knows who calls and what there is, and says so at once
 * when there is room again. */
static void a_full_disk_stops_no_reading(void **state) {
	(void)state;
	static const uint8_t hash[32] = {7};
	disk_clear();
	struct store *s = NULL;
	assert_ok(store_open(PATH, &s, &err));
	for (int i = 0; i < STORE_STEPS - 2; i++) {
		assert_ok(store_step(s, i, &err));
	}
	disk_fail(DISK_FULL, 1, true);
	int64_t id = 0;
	assert_refused(add_output(s, "new", 1, &id, &err), ENOSPC, "disk");
	assert_refused(claim_run(s, 9, NOON_US, 1, &id, &err), ENOSPC, "free some space");
	AUTO(token_done) struct token token = {0};
	assert_ok(store_token_check(s, hash, NOON_US + MINUTE_US, &token, &err));
	assert_string_equal(token.name, "phone");
	assert_int_equal(token.last_used_us, TIME_NONE);
	assert_ok(store_read_all(s, &err));
	disk_heal();
	expect_dump(s, STORE_STEPS - 2);
	assert_ok(claim_run(s, 9, NOON_US, 1, &id, &err));
	store_close(s);
}

/* What comes behind a part that was lost does not slip in as a change of its own. */
static void a_joined_transaction_that_was_lost_saves_nothing(void **state) {
	(void)state;
	int lost = 0;
	for (long n = 1;; n++) {
		disk_clear();
		struct store *s = NULL;
		int64_t id = 0;
		assert_ok(store_open(PATH, &s, &err));
		assert_ok(claim_run(s, 1, NOON_US, 1, &id, &err));
		assert_ok(store_begin(s, &err));
		assert_ok(store_mark_put(s, NOON_US, &err));
		memory_fail(n, false);
		int rc = claim_run(s, 1, NOON_US, 1, &id, &err);
		bool struck_now = memory.struck;
		memory.left = 0;
		assert_true(rc == -EEXIST || rc == -ENOMEM);
		bool went = sqlite3_get_autocommit(s->db) != 0;
		rc = claim_run(s, 2, NOON_US, 1, &id, &err);
		assert_int_equal(rc, went ? -ENOMEM : 0);
		rc = store_commit(s, &err);
		assert_int_equal(rc, went ? -ENOMEM : 0);
		int64_t mark_us = 0;
		assert_ok(store_mark_get(s, &mark_us, &err));
		assert_int_equal(mark_us, went ? TIME_NONE : NOON_US);
		lost += went;
		/* The next transaction is one like any other. */
		assert_ok(store_begin(s, &err));
		assert_ok(store_mark_put(s, 3, &err));
		assert_ok(store_commit(s, &err));
		store_close(s);
		if (!struck_now) {
			break;
		}
	}
	assert_true(lost > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_fails_costs_nothing),
		cmocka_unit_test(a_full_disk_stops_no_reading),
		cmocka_unit_test(a_joined_transaction_that_was_lost_saves_nothing),
		cmocka_unit_test(memory_that_runs_out_costs_nothing),
	};
	return cmocka_run_group_tests(tests, install, uninstall);
}
