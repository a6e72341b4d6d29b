/* test_store_power.c - the power is cut at every operation of the disk there is, while a
 * box is made and used. Whatever survives of what was not synced, the next start finds
 * every change that was answered, the one under way whole or not at all, and nothing
 * else. */
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
static char *dumps[STORE_STEPS + 1];

static int install(void **state) {
	(void)state;
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

/* Opens and makes all steps, from `first` on; returns how many were made before the power
 * went, or -1 where it went while opening. */
static int live(int first) {
	struct store *s = NULL;
	if (store_open(PATH, &s, &err) < 0) {
		return -1;
	}
	int i = first;
	while (i < STORE_STEPS && store_step(s, i, &err) == 0) {
		i++;
	}
	store_close(s);
	return i;
}

/* Opens what survived: it is as after `made` steps, or one more. Returns how many. */
static int check(int made, const char *when) {
	struct store *s = NULL;
	if (store_open(PATH, &s, &err) < 0) {
		fail_msg("%s: %s", when, err.text);
	}
	AUTO(str_done) struct str dump = STR_INIT;
	store_dump(s, &dump);
	store_close(s);
	for (int i = made; i <= made + 1 && i <= STORE_STEPS; i++) {
		if (strcmp(dump.data, dumps[i]) == 0) {
			return i;
		}
	}
	fail_msg("%s: not as after %d steps", when, made);
	return 0;
}

/* What is found after a cut, for everything that may be left of one moment. */
static void check_moment(long n, int made, unsigned seed, int found[3]) {
	static const enum disk_survival survivals[] = {DISK_LOSES_ALL, DISK_KEEPS_ALL,
						       DISK_KEEPS_SOME, DISK_KEEPS_SOME};
	disk_save();
	for (size_t i = 0; i < LENGTH(survivals); i++) {
		char when[96];
		snprintf(when, sizeof(when), "cut at %ld, survival %zu, seed %u", n, i,
			 seed);
		disk_load();
		disk_restart(survivals[i], seed + (unsigned)i);
		int steps = check(made, when);
		found[survivals[i]] += steps > made;
		/* And it goes on from there. */
		if (n % 10 == 0) {
			assert_int_equal(live(steps), STORE_STEPS);
			assert_int_equal(check(STORE_STEPS, when), STORE_STEPS);
		}
	}
}

static void what_was_answered_survives_a_power_cut_at_any_moment(void **state) {
	(void)state;
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	int found[3] = {0};
	for (long n = 1;; n++) {
		disk_clear();
		disk_fail(DISK_POWER_CUT, n, true);
		int made = live(0);
		if (!disk_struck()) {
			assert_int_equal(made, STORE_STEPS);
			assert_true(n > 100);
			break;
		}
		check_moment(n, made < 0 ? 0 : made, seed + (unsigned)n, found);
	}
	/* A step that was not answered is there only where unsynced writes arrived. */
	assert_int_equal(found[DISK_LOSES_ALL], 0);
	assert_true(found[DISK_KEEPS_SOME] > 0);
}

/* A second cut while the first one is being recovered from. */
static void a_cut_while_recovering_costs_nothing(void **state) {
	(void)state;
	for (long first = 50; first < 300; first += 50) {
		disk_clear();
		disk_fail(DISK_POWER_CUT, first, true);
		int made = live(0);
		assert_true(disk_struck());
		disk_restart(DISK_KEEPS_ALL, 0);
		disk_save();
		bool struck = true;
		for (long second = 1; struck; second++) {
			disk_load();
			disk_fail(DISK_POWER_CUT, second, true);
			struct store *s = NULL;
			if (store_open(PATH, &s, &err) == 0) {
				store_close(s);
			}
			struck = disk_struck();
			disk_restart(DISK_LOSES_ALL, 0);
			check(made < 0 ? 0 : made, "second cut");
		}
	}
}

/* The log is folded into the file from time to time; a cut in the midst of it is one more
 * moment. */
static void a_cut_while_the_log_is_folded_in_costs_nothing(void **state) {
	(void)state;
	for (long n = 1;; n++) {
		disk_clear();
		struct store *s = NULL;
		assert_ok(store_open(PATH, &s, &err));
		for (int i = 0; i < STORE_STEPS; i++) {
			assert_ok(store_step(s, i, &err));
		}
		long long before = disk_size(PATH "-wal");
		assert_true(before > 0);
		disk_fail(DISK_POWER_CUT, n, true);
		(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
						NULL, NULL);
		bool struck = disk_struck();
		store_close(s);
		disk_restart(n % 2 == 0 ? DISK_KEEPS_ALL : DISK_LOSES_ALL, 0);
		assert_int_equal(check(STORE_STEPS, "folding"), STORE_STEPS);
		if (!struck) {
			assert_true(n > 20);
			break;
		}
	}
}

/* A box of version 1 moves on: it is found in one form or the other, never between. */
static void a_cut_while_migrating_leaves_one_form_or_the_other(void **state) {
	(void)state;
	const char *migrations[MIGRATIONS_MAX] = {NULL};
	migrations_and(
		"ALTER TABLE zone ADD COLUMN remark TEXT;"
		"UPDATE zone SET remark = 'moved on';"
		"CREATE TABLE more (a INTEGER) STRICT; INSERT INTO more VALUES (1)",
		migrations);
	int seen[2] = {0};
	for (long n = 1;; n++) {
		disk_clear();
		assert_int_equal(live(0), STORE_STEPS);
		disk_fail(DISK_POWER_CUT, n, true);
		struct store *s = NULL;
		int rc = store_open_with(PATH, migrations, &s, &err);
		bool struck = disk_struck();
		if (rc == 0) {
			store_close(s);
		}
		disk_restart(n % 2 == 0 ? DISK_KEEPS_ALL : DISK_LOSES_ALL, 0);
		s = NULL;
		int old = store_open(PATH, &s, &err);
		if (old == 0) {
			AUTO(str_done) struct str dump = STR_INIT;
			store_dump(s, &dump);
			assert_string_equal(dump.data, dumps[STORE_STEPS]);
			store_close(s);
			assert_true(rc < 0);
		} else {
			assert_int_equal(old, -EPROTO);
		}
		seen[old == 0 ? 0 : 1]++;
		s = NULL;
		assert_ok(store_open_with(PATH, migrations, &s, &err));
		assert_ok(store_read_all(s, &err));
		store_close(s);
		if (!struck) {
			break;
		}
	}
	assert_true(seen[0] > 3 && seen[1] > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_answered_survives_a_power_cut_at_any_moment),
		cmocka_unit_test(a_cut_while_recovering_costs_nothing),
		cmocka_unit_test(a_cut_while_the_log_is_folded_in_costs_nothing),
		cmocka_unit_test(a_cut_while_migrating_leaves_one_form_or_the_other),
	};
	return cmocka_run_group_tests(tests, install, uninstall);
}
