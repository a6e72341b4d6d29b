/* test_clock.c - whether a clock can be believed, and the way between the two clocks. */
#include "daemon/clock.h"

#include "schedule/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include <cmocka.h>

#define BUILD 1000000000000LL
#define SECOND 1000000LL

static void a_clock_is_judged(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct clock_facts facts;
		bool trusted;
		const char *words;
	} cases[] = {
		{"synchronised",
		 {BUILD + 5, true, BUILD, TIME_NONE},
		 true,
		 "synchronised"},
		{"synchronised beats all", {5, true, BUILD, BUILD}, true, "synchronised"},
		{"in 1970",
		 {5, false, BUILD, TIME_NONE},
		 false,
		 "earlier than this program"},
		{"new box", {BUILD + 5, false, BUILD, TIME_NONE}, true, "later"},
		{"behind the records",
		 {BUILD + 5, false, BUILD, BUILD + 100 * SECOND},
		 false,
		 "newest record"},
		{"a little behind the records",
		 {BUILD + 50 * SECOND, false, BUILD, BUILD + 100 * SECOND},
		 true,
		 "later"},
		{"past the records",
		 {BUILD + 200 * SECOND, false, BUILD, BUILD + 100 * SECOND},
		 true,
		 "later"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct clock_verdict verdict = {0};
		clock_judge(&cases[i].facts, &verdict);
		if (verdict.trusted != cases[i].trusted ||
		    strstr(verdict.reason, cases[i].words) == NULL) {
			fail_msg("%s: %d, %s", cases[i].name, verdict.trusted,
				 verdict.reason);
		}
	}
}

static void the_clocks_agree_both_ways(void **state) {
	(void)state;
	int64_t now_us = clock_now_us();
	for (int64_t ahead_s = 0; ahead_s < 10; ahead_s++) {
		int64_t at_us = now_us + ahead_s * SECOND;
		int64_t back_us = clock_realtime_us_at(clock_mono_ns_at(at_us));
		assert_in_range(back_us - at_us + 1000, 0,
				2000); /* a slew of the kernel between the two */
	}
}

#define YEAR_10000 253402300800000000LL

static void far_ahead_is_not_long_ago(void **state) {
	(void)state;
	assert_true(clock_mono_ns_at(YEAR_10000) > clock_mono_ns() + INT64_MAX / 3);
	assert_int_equal(clock_span_ns(5), 5000);
	assert_int_equal(clock_span_ns(-5), -5000);
	assert_true(clock_span_ns(YEAR_10000) > INT64_MAX / 3);
	assert_true(clock_span_ns(-YEAR_10000) < -(INT64_MAX / 3));
}

/* The kernel as the clock sees it. */
static bool synchronised;

int adjtimex(struct timex *timex) {
	*timex = (struct timex){.status = synchronised ? 0 : STA_UNSYNC};
	return synchronised ? TIME_OK : TIME_ERROR;
}

struct told {
	struct loop *loop;
	int times;
};

static void on_step(void *arg) {
	struct told *told = arg;
	told->times++;
	loop_exit(told->loop);
}

static void on_patience_over(void *arg) {
	loop_exit(arg);
}

static void check_change(bool before) {
	struct told told = {0};
	struct clock *clock = NULL;
	struct loop_source *patience = NULL;
	assert_int_equal(loop_new(&told.loop, NULL), 0);
	synchronised = before;
	assert_int_equal(clock_new(told.loop, clock_now_us() + 3600 * SECOND, on_step,
				   &told, &clock, NULL),
			 0);
	assert_int_equal(loop_add_timer(told.loop, CLOCK_MONOTONIC, on_patience_over,
					told.loop, &patience, NULL),
			 0);
	loop_timer_arm_in_us(patience, 30 * SECOND);
	synchronised = !before;
	assert_int_equal(loop_run(told.loop, NULL), 0);
	assert_int_equal(told.times, 1);
	struct clock_verdict verdict;
	clock_verdict_now(clock, &verdict);
	assert_int_equal(verdict.trusted, !before);
	loop_source_free(patience);
	clock_free(clock);
	loop_free(told.loop);
}

/* Nothing is set, and yet trust goes and comes with the time server. */
static void a_change_of_trust_is_told(void **state) {
	(void)state;
	check_change(true);
	check_change(false);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_is_judged),
		cmocka_unit_test(the_clocks_agree_both_ways),
		cmocka_unit_test(far_ahead_is_not_long_ago),
		cmocka_unit_test(a_change_of_trust_is_told),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
