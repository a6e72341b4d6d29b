/* test_relays.c - the programs that bring lines and streams, with one of the test's own
 * in their place: looked after whatever it does, and never more than is wanted. */
#include "audio/jitter.h"
#include "relays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KINDS 4

/* What it does is its name; each start is told. */
static const char script[] =
	"#!/bin/sh\n"
	"echo \"$2\" >>\"$0.starts\"\n"
	"case $2 in\n"
	"mute) ;;\n"
	"once) echo 'fault once' >&3 ;;\n"
	"says) while echo 'fault again' >&3; do sleep 2; done ;;\n"
	"mended) echo 'fault gone' >&3; echo 'ok x' >&3 ;;\n"
	"flood) while :; do i=$((i + 1)); echo 'ok x'; echo \"fault $i\"; done >&3 ;;\n"
	"esac\n"
	"exec sleep 1000\n";

struct fixture {
	char program[64];
	char starts[80];
	struct loop *loop;
	struct jobs *jobs;
	struct faults *faults;
	struct relays *relays;
	struct loop_source *end;
	int told; /* faults, of the flood */
	struct error err;
};

static void on_end(void *arg) {
	loop_exit(((struct fixture *)arg)->loop);
}

static void on_fault(void *arg, const struct fault *fault, bool over) {
	struct fixture *f = arg;
	(void)over;
	f->told += strstr(fault->source, "flood") != NULL;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	strcpy(f->program, "/tmp/dalaba-relays-XXXXXX");
	int fd = mkstemp(f->program);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	snprintf(f->starts, sizeof(f->starts), "%s.starts", f->program);
	assert_int_equal(loop_new(&f->loop, &f->err), 0);
	assert_int_equal(jobs_new(f->loop, 1, &f->jobs, &f->err), 0);
	assert_int_equal(faults_new(&f->faults, &f->err), 0);
	faults_listen(f->faults, on_fault, f);
	struct relays_config config = {.loop = f->loop,
				       .jobs = f->jobs,
				       .faults = f->faults,
				       .program = f->program};
	assert_int_equal(relays_new(&config, &f->relays, &f->err), 0);
	assert_int_equal(
		loop_add_timer(f->loop, CLOCK_MONOTONIC, on_end, f, &f->end, &f->err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	relays_free(f->relays);
	loop_source_free(f->end);
	jobs_free(f->jobs);
	faults_free(f->faults);
	loop_free(f->loop);
	unlink(f->starts);
	unlink(f->program);
	free(f);
	return 0;
}

static void run_for_ms(struct fixture *f, int64_t ms) {
	loop_timer_arm_in_us(f->end, ms * 1000);
	assert_int_equal(loop_run(f->loop, &f->err), 0);
}

static int starts(const struct fixture *f, const char *name) {
	AUTO(file_close) FILE *file = fopen(f->starts, "re");
	char line[80];
	int n = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		n += strcmp(line, name) == 0;
	}
	return n;
}

/* Who does not answer is started again, and once more; whatever it said before. Who says
 * why is left alone. Who talks without end is heard now and then. */
static void they_are_looked_after(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *name;
		int least; /* starts */
		int most;
		const char *words;
	} cases[KINDS] = {
		{"mute", 3, 3, "neither sends sound nor says why"},
		{"once", 2, 3, "once"},
		{"says", 1, 1, "again"},
		{"flood", 1, 1, ""},
	};
	struct relay *relays[KINDS];
	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(relays_take(f->relays, PART_LINE, cases[i].name,
					     &relays[i], &f->err),
				 0);
	}
	run_for_ms(f, 17000);
	for (size_t i = 0; i < KINDS; i++) {
		int n = starts(f, cases[i].name);
		if (n < cases[i].least || n > cases[i].most ||
		    strstr(relay_words(relays[i], 0), cases[i].words) == NULL) {
			fail_msg("%s: %d starts, '%s'", cases[i].name, n,
				 relay_words(relays[i], 0));
		}
		relay_give(relays[i]);
	}
	assert_in_range(f->told, 1, 150);
}

/* Given back and taken again, it waits for the end of its first program, which has the
 * card, and nothing is wrong meanwhile. */
static void the_dying_is_taken_up_again(void **state) {
	struct fixture *f = *state;
	struct relay *first = NULL;
	struct relay *second = NULL;
	const struct fault *faults = NULL;
	assert_int_equal(relays_take(f->relays, PART_LINE, "mute", &first, &f->err), 0);
	struct jitter *jitter = relay_jitter(first);
	relay_give(first);
	assert_int_equal(relays_take(f->relays, PART_LINE, "mute", &second, &f->err), 0);
	assert_ptr_equal(relay_jitter(second), jitter);
	run_for_ms(f, 2000);
	assert_int_equal(faults_list(f->faults, &faults), 0);
	assert_in_range(starts(f, "mute"), 1, 2); /* the first may not have come so far */
	assert_string_equal(relay_words(second, 0), "");
	relay_give(second);
}

/* Words are a reason for whom it was wrong. */
static void words_grow_old(void **state) {
	struct fixture *f = *state;
	struct relay *mended = NULL;
	struct relay *says = NULL;
	assert_int_equal(relays_take(f->relays, PART_LINE, "mended", &mended, &f->err),
			 0);
	assert_int_equal(relays_take(f->relays, PART_LINE, "says", &says, &f->err), 0);
	assert_int_equal(relay_said(mended), 0);
	run_for_ms(f, 1500);
	assert_string_equal(relay_words(mended, 0), "gone");
	assert_string_equal(relay_words(mended, relay_said(mended)), "");
	/* It still is wrong. */
	assert_string_equal(relay_words(says, relay_said(says)), "again");
	relay_give(mended);
	relay_give(says);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_are_looked_after, setup, teardown),
		cmocka_unit_test_setup_teardown(the_dying_is_taken_up_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(words_grow_old, setup, teardown),
	};
	return cmocka_run_group_tests_name("relays", tests, NULL, NULL);
}
