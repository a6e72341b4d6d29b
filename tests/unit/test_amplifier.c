/* test_amplifier.c - amplifiers on a clock the test turns, with lines and children of
 * paper: when each is switched, and what is told where it cannot be. */
#include "daemon/amplifier.h"

#include "base/str.h"
#include "daemon/clock.h"
#include "daemon/gpio.h"
#include "daemon/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS 1000000000LL
#define NEVER INT64_MAX

/* ------------------------------------------------------------------ what is around them
 */

static int64_t now_ns;
static char story[512]; /* what happened, in order: "line on|command off|" */

static void tell(const char *what, bool on) {
	char more[64];
	snprintf(more, sizeof(more), "%s %s|", what, on ? "on" : "off");
	assert_true(strlen(story) + strlen(more) < sizeof(story));
	strcat(story, more);
}

static void assert_story(const char *want) {
	assert_string_equal(story, want);
	story[0] = '\0';
}

int64_t clock_mono_ns(void) {
	return now_ns;
}

int64_t clock_now_us(void) {
	return now_ns / 1000;
}

struct loop_source {
	loop_fn fn;
	void *arg;
	int64_t at_us;
};
static struct loop_source timers[8];
static size_t n_timers;

int loop_add_timer(struct loop *loop, clockid_t clock, loop_fn fn, void *arg,
		   struct loop_source **ret, struct error *err) {
	(void)loop;
	(void)err;
	assert_int_equal(clock, CLOCK_MONOTONIC);
	timers[n_timers] = (struct loop_source){fn, arg, INT64_MAX};
	*ret = &timers[n_timers++];
	return 0;
}

void loop_timer_arm_us(struct loop_source *timer, int64_t at_us) {
	timer->at_us = at_us;
}

void loop_source_free(struct loop_source *source) {
	(void)source;
}

struct gpio {
	bool active_low;
};
static struct gpio the_line;
static int lines_taken;
static bool chip_gone;

int gpio_open(const char *chip, const char *line, bool active_low, bool on,
	      struct gpio **ret, struct error *err) {
	if (chip_gone) {
		return error_set(err, ENOENT, "no chip %s for %s", chip, line);
	}
	the_line.active_low = active_low;
	lines_taken++;
	tell("line", on);
	*ret = &the_line;
	return 0;
}

int gpio_set(struct gpio *g, bool on, struct error *err) {
	assert_ptr_equal(g, &the_line);
	if (chip_gone) {
		return error_set(err, ENODEV, "the chip went");
	}
	tell("line", on);
	return 0;
}

void gpio_free(struct gpio *g) {
	lines_taken -= g != NULL;
}

static jobs_child_fn child_done;
static void *child_arg;
static bool no_program;

static void tell_command(const struct jobs_child *how) {
	assert_string_equal(how->argv[0], "/bin/amp");
	assert_null(how->argv[2]);
	tell("command", strcmp(how->argv[1], "up") == 0);
}

int jobs_spawn(struct jobs *jobs, const struct jobs_child *how, jobs_child_fn done,
	       void *arg, struct error *err) {
	(void)jobs;
	if (no_program) {
		return error_set(err, ENOENT, "cannot start '%s'", how->argv[0]);
	}
	assert_null(child_done); /* one at a time */
	assert_in_range(how->timeout_ms, 1000, 10000);
	tell_command(how);
	child_done = done;
	child_arg = arg;
	return 0;
}

static bool killed;

void jobs_kill(struct jobs *jobs, const void *arg) {
	(void)jobs;
	assert_ptr_equal(child_arg, arg);
	assert_non_null(child_done);
	assert_false(killed);
	killed = true;
}

void jobs_drop(struct jobs *jobs, const void *arg) {
	(void)jobs;
	child_done = child_arg == arg ? NULL : child_done;
}

int jobs_finish(const struct jobs_child *how, size_t n, int64_t timeout_ms,
		struct error *err) {
	(void)err;
	assert_in_range(timeout_ms, 1, 1000);
	for (size_t i = 0; i < n; i++) {
		tell_command(&how[i]);
	}
	return 0;
}

static void child_ends(int exit_code, bool timed_out) {
	jobs_child_fn done = child_done;
	struct jobs_end end = {.exit_code = exit_code,
			       .signal_number = exit_code < 0 ? 9 : 0,
			       .timed_out = timed_out};
	assert_non_null(done);
	child_done = NULL;
	done(child_arg, &end);
}

static void pass(int64_t ns) {
	int64_t until_ns = now_ns + ns;
	for (int i = 0;; i++) {
		struct loop_source *next = &timers[0];
		for (size_t t = 1; t < n_timers; t++) {
			next = timers[t].at_us < next->at_us ? &timers[t] : next;
		}
		if (next->at_us == INT64_MAX || next->at_us * 1000 > until_ns) {
			break;
		}
		assert_true(i < 100);
		int64_t at_ns = next->at_us * 1000;
		now_ns = at_ns > now_ns ? at_ns : now_ns;
		next->at_us = INT64_MAX;
		next->fn(next->arg);
	}
	now_ns = until_ns;
}

/* -------------------------------------------------------------------------------- tests
 */

static char word_path[] = "/bin/amp";
static char word_up[] = "up";
static char word_down[] = "down";
static char *up[] = {word_path, word_up, NULL};
static char *down[] = {word_path, word_down, NULL};
static char hall[] = "hall";
static char tower[] = "tower";
static char chip[] = "gpiochip0";
static char line_name[] = "17";

static struct amplifier_config items[] = {
	{.name = hall,
	 .gpio_chip = chip,
	 .gpio_line = line_name,
	 .active_low = true,
	 .hold_s = 10},
	{.name = tower, .command_on = up, .command_off = down, .hold_s = 3},
};
static const struct amplifier_configs configs = {items, 2};
enum { HALL, TOWER };

static struct faults *faults;
static struct amplifiers *amplifiers;

static void begin(void) {
	struct error err = {0};
	assert_int_equal(amplifiers_new(NULL, NULL, faults, &configs, &amplifiers, &err),
			 0);
}

static int setup(void **state) {
	(void)state;
	now_ns = 1000 * SECOND_NS;
	n_timers = 0;
	chip_gone = no_program = killed = false;
	child_done = NULL;
	story[0] = '\0';
	log_threshold_set(LOG_CRIT);
	assert_int_equal(faults_new(&faults, NULL), 0);
	begin();
	/* Whatever the last life left. */
	assert_story("line off|command off|");
	child_ends(0, false);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	amplifiers_free(MOVE(amplifiers));
	assert_int_equal(lines_taken, 0);
	faults_free(faults);
	return 0;
}

static const char *fault_of(const char *source) {
	const struct fault *list = NULL;
	size_t n = faults_list(faults, &list);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].source, source) == 0) {
			return list[i].text;
		}
	}
	return "";
}

static void it_is_on_before_the_sound_and_held_after_it(void **state) {
	(void)state;
	amplifiers_need(amplifiers, HALL, now_ns + 2 * SECOND_NS);
	pass(2 * SECOND_NS - 1000000);
	assert_story("");
	pass(2000000);
	assert_story("line on|");
	assert_true(the_line.active_low);
	amplifiers_need(amplifiers, HALL, 0);
	pass(60 * SECOND_NS);
	assert_story("");
	amplifiers_need(amplifiers, HALL, NEVER);
	pass(9 * SECOND_NS);
	assert_story("");
	pass(2 * SECOND_NS);
	assert_story("line off|");
}

static void the_next_sound_within_the_hold_keeps_it_on(void **state) {
	(void)state;
	amplifiers_need(amplifiers, HALL, 0);
	assert_story("line on|");
	for (int i = 0; i < 3; i++) {
		amplifiers_need(amplifiers, HALL, now_ns + 8 * SECOND_NS);
		pass(8 * SECOND_NS + 1000);
		amplifiers_need(amplifiers, HALL, 0);
		pass(SECOND_NS);
	}
	amplifiers_need(amplifiers, HALL, now_ns + 60 * SECOND_NS);
	pass(9 * SECOND_NS);
	assert_story("");
	pass(2 * SECOND_NS);
	assert_story("line off|");
	pass(60 * SECOND_NS);
	assert_story("line on|");
}

/* On and off keep their order, however slow a command is. */
static void commands_come_one_after_the_other(void **state) {
	(void)state;
	amplifiers_need(amplifiers, TOWER, 0);
	assert_story("command on|");
	amplifiers_need(amplifiers, TOWER, NEVER);
	pass(4 * SECOND_NS);
	assert_story("");
	child_ends(0, false);
	assert_story("command off|");
	amplifiers_need(amplifiers, TOWER, 0);
	assert_story("");
	child_ends(0, false);
	assert_story("command on|");
	child_ends(0, false);
	pass(60 * SECOND_NS);
	assert_story("");
	assert_string_equal(fault_of("amplifier tower"), "");
}

/* An emergency is not to go unheard as what is to switch off hangs. */
static void a_hanging_off_does_not_hold_up_on(void **state) {
	(void)state;
	amplifiers_need(amplifiers, TOWER, 0);
	child_ends(0, false);
	amplifiers_need(amplifiers, TOWER, NEVER);
	pass(3 * SECOND_NS + SECOND_NS / 2);
	assert_story("command on|command off|");
	amplifiers_need(amplifiers, TOWER, 0);
	pass(SECOND_NS / 4);
	assert_false(killed);
	pass(SECOND_NS);
	assert_true(killed);
	child_ends(-1, false);
	assert_story("command on|");
	if (strstr(fault_of("amplifier tower"), "not switched it off after 1 s") ==
	    NULL) {
		fail_msg("'%s'", fault_of("amplifier tower"));
	}
	child_ends(0, false);
	assert_string_equal(fault_of("amplifier tower"), "");
}

/* Nor one that failed. */
static void a_failing_off_does_not_hold_up_on(void **state) {
	(void)state;
	for (int ahead = 0; ahead < 2; ahead++) {
		amplifiers_need(amplifiers, TOWER, 0);
		child_ends(0, false);
		amplifiers_need(amplifiers, TOWER, NEVER);
		pass(4 * SECOND_NS);
		assert_story("command on|command off|");
		/* Needed while it runs, or a second after it has failed. */
		amplifiers_need(amplifiers, TOWER, ahead ? now_ns + SECOND_NS : 0);
		child_ends(4, false);
		assert_story(ahead ? "" : "command on|");
		pass(SECOND_NS + SECOND_NS / 10);
		assert_story(ahead ? "command on|" : "");
		child_ends(0, false);
		amplifiers_need(amplifiers, TOWER, NEVER);
		pass(4 * SECOND_NS);
		child_ends(0, false);
		assert_story("command off|");
	}
}

static void what_cannot_be_switched_is_a_fault_and_tried_again(void **state) {
	(void)state;
	static const struct {
		int exit_code;
		bool timed_out;
		const char *words;
	} cases[] = {
		{3, false, "'/bin/amp', to switch it on, ended with 3"},
		{-1, false, "'/bin/amp' was ended by signal 9"},
		{-1, true, "'/bin/amp' did not end within 5 s"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		amplifiers_need(amplifiers, TOWER, 0);
		assert_story("command on|");
		child_ends(cases[i].exit_code, cases[i].timed_out);
		if (strstr(fault_of("amplifier tower"), cases[i].words) == NULL) {
			fail_msg("'%s'", fault_of("amplifier tower"));
		}
		pass(4 * SECOND_NS);
		assert_story("");
		pass(2 * SECOND_NS);
		assert_story("command on|");
		child_ends(0, false);
		assert_string_equal(fault_of("amplifier tower"), "");
		amplifiers_need(amplifiers, TOWER, NEVER);
		pass(4 * SECOND_NS);
		child_ends(0, false);
		assert_story("command off|");
	}
	no_program = true;
	amplifiers_need(amplifiers, TOWER, 0);
	assert_string_equal(fault_of("amplifier tower"), "cannot start '/bin/amp'");
	no_program = false;
	pass(6 * SECOND_NS);
	assert_story("command on|");
	child_ends(0, false);
	assert_string_equal(fault_of("amplifier tower"), "");
}

static void a_chip_that_goes_and_comes_back_is_taken_anew(void **state) {
	(void)state;
	chip_gone = true;
	amplifiers_need(amplifiers, HALL, 0);
	assert_string_equal(fault_of("amplifier hall"), "the chip went");
	assert_int_equal(lines_taken, 0);
	pass(6 * SECOND_NS);
	assert_string_equal(fault_of("amplifier hall"), "no chip gpiochip0 for 17");
	chip_gone = false;
	pass(5 * SECOND_NS);
	assert_story("line on|");
	assert_string_equal(fault_of("amplifier hall"), "");
	/* To switch it off failed; the next sound does not wait for the next try. */
	amplifiers_need(amplifiers, HALL, NEVER);
	chip_gone = true;
	pass(11 * SECOND_NS);
	assert_string_equal(fault_of("amplifier hall"), "the chip went");
	chip_gone = false;
	amplifiers_need(amplifiers, HALL, 0);
	assert_story("line on|");
}

/* Also those whose command still runs, or whose state nobody knows. */
static void the_end_switches_all_off(void **state) {
	(void)state;
	static const char *const ends[] = {"line off|command off|", "command off|",
					   "command off|", ""};
	for (int i = 0; i < 4; i++) {
		if (i == 0) {
			amplifiers_need(amplifiers, HALL, 0);
		}
		if (i < 3) {
			amplifiers_need(amplifiers, TOWER, 0);
		}
		if (i == 1) {
			child_ends(0, false);
		} else if (i == 2) {
			child_ends(7, false);
		}
		story[0] = '\0';
		amplifiers_free(MOVE(amplifiers));
		assert_story(ends[i]);
		assert_int_equal(lines_taken, 0);
		n_timers = 0;
		begin();
		child_ends(0, false);
	}
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(it_is_on_before_the_sound_and_held_after_it),
		CASE(the_next_sound_within_the_hold_keeps_it_on),
		CASE(commands_come_one_after_the_other),
		CASE(a_hanging_off_does_not_hold_up_on),
		CASE(a_failing_off_does_not_hold_up_on),
		CASE(what_cannot_be_switched_is_a_fault_and_tried_again),
		CASE(a_chip_that_goes_and_comes_back_is_taken_anew),
		CASE(the_end_switches_all_off),
	};
#undef CASE
	return cmocka_run_group_tests_name("amplifier", tests, NULL, NULL);
}
