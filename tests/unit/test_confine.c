/* test_confine.c - tries to do what dalaba-relay has given up, as a decoder that was
 * taken over would; and what it still needs. */
#include "audio/relay/confine.h"

#include "escapes.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define NOT_CONFINED 200
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int enter_line(void) {
	return confine_line(NULL) < 0 ? NOT_CONFINED : 0;
}
static int enter_stream(void) {
	return confine_stream(NULL) < 0 ? NOT_CONFINED : 0;
}

static const struct {
	const char *name;
	long (*act)(void);
	int before; /* what comes of it without, or the case shows nothing */
	int line;
	int stream;
	enum { ALWAYS, LANDLOCK, ROOT } where; /* this is what it takes */
} cases[] = {
	/* needed */
	{"read /etc/hosts", try_hosts, 0, 0, 0, ALWAYS},
	{"connect", try_connect, 0, -EPERM, 0, ALWAYS},
	{"a pair of streams", try_pair, 0, -EPERM, 0, ALWAYS},
	{"ask for addresses", try_route, 0, -EPERM, 0, ALWAYS},
	{"use a device", try_device, 0, 0, -EPERM, ALWAYS},
	{"ask a card", try_sound, -ENOTTY, -ENOTTY, -EPERM, ALWAYS},
	{"ask a timer", try_timer, -ENOTTY, -ENOTTY, -EPERM, ALWAYS},
	/* of these a line needs the first */
	{"read /etc/passwd", try_open, 0, 0, -EACCES, LANDLOCK},
	{"create a file", try_create, 0, -EPERM, -EPERM, ALWAYS},
	{"open a file to write", try_overwrite, 0, -EACCES, -EPERM, LANDLOCK},
	{"remove a file", try_unlink, 0, -EPERM, -EPERM, ALWAYS},
	{"change a file's mode", try_chmod, 0, -EPERM, -EPERM, ALWAYS},
	{"write to a file", try_large_file, 0, SIGXFSZ, SIGXFSZ, ALWAYS},
	{"call the daemon", try_daemon, 0, -EPERM, -EPERM, ALWAYS},
	{"a pair for letters", try_letters, 0, -EPERM, -EPERM, ALWAYS},
	{"listen to devices", try_uevents, 0, -EPERM, -EPERM, ALWAYS},
	{"listen", try_listen, 0, -EPERM, -EPERM, ALWAYS},
	{"packets", try_packets, 0, -EPERM, -EPERM, ROOT},
	{"run a program", try_exec, 0, -EPERM, -EPERM, ALWAYS},
	{"fork", try_fork, 0, -EPERM, -EPERM, ALWAYS},
	{"kill", try_kill, 0, -EPERM, -EPERM, ALWAYS},
	{"ptrace", try_ptrace, 0, -EPERM, -EPERM, ALWAYS},
	{"another's limits", try_limit, 0, -EPERM, -EPERM, ALWAYS},
	{"another's turn", try_scheduler, 0, -EPERM, -EPERM, ALWAYS},
	{"make code", try_code, 0, -EPERM, -EPERM, ALWAYS},
	{"make code later", try_make_code, 0, -EPERM, -EPERM, ALWAYS},
	{"ask a terminal", try_terminal, 0, -EPERM, -EPERM, ALWAYS},
	{"chroot", try_chroot, 0, -EPERM, -EPERM, ROOT},
};

static bool shows(size_t i) {
	bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
	bool here = (cases[i].where != LANDLOCK || landlock) &&
		    (cases[i].where != ROOT || geteuid() == 0);
	if (!here) {
		print_message("%s: this takes %s\n", cases[i].name,
			      cases[i].where == ROOT ? "root" : "Landlock");
	}
	return here;
}

static void check(const char *what, size_t i, int (*enter)(void), int ret) {
	int got = escape_attempt(enter, cases[i].act);
	if (got != ret) {
		fail_msg("%s: %s: %d instead of %d", what, cases[i].name, got, ret);
	}
}

static void it_has_what_it_needs_and_no_more(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		if (shows(i)) {
			check("outside", i, escape_enter_nothing, cases[i].before);
			check("line", i, enter_line, cases[i].line);
			check("stream", i, enter_stream, cases[i].stream);
		}
	}
}

/* What some kernels do not let anybody do. */
static void it_has_no_rings(void **state) {
	(void)state;
	assert_int_equal(escape_attempt(enter_line, try_io_uring), -EPERM);
	assert_int_equal(escape_attempt(enter_stream, try_io_uring), -EPERM);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_it_needs_and_no_more),
		cmocka_unit_test(it_has_no_rings),
	};
	return cmocka_run_group_tests_name("confine", tests, escapes_setup,
					   escapes_teardown);
}
