/* test_sandbox.c - tries to get out of the sandbox of dalaba-ingest, as a decoder that
 * was taken over would: through all layers, and through each alone. */
#include "audio/ingest/sandbox.h"

#include "escapes.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Also the exit code of a child whose sandbox could not be made. */
#define NO_SANDBOX 200
#define MISSING 201 /* the kernel lacks this layer */

static const struct sandbox box = {
	.memory_bytes = 300000000, .file_bytes = 100000, .cpu_s = 5, .fds = {1, 3}};

static long try_map_file(void) {
	return (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}
static long try_write(void) {
	return syscall(SYS_write, 5, "x", 1);
}
static long try_read(void) {
	char c;
	return syscall(SYS_read, 0, &c, 1);
}
static long try_dumpable(void) {
	return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long try_spin(void) {
	volatile long i = 0;
	while (i >= 0) {
		i = i + 1 > 1000 ? 0 : i + 1;
	}
	return i;
}
static long try_allowed(void) {
	void *p = malloc(5000000);
	long rc = p == NULL ? -1 : write(1, "sound", 5);
	free(p);
	return rc == 5 && write(3, "facts", 5) == 5 ? 0 : -1;
}

static int enter_all(void) {
	return sandbox_enter(&box, NULL) == 0 ? 0 : NO_SANDBOX;
}
static int enter_syscalls(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return NO_SANDBOX;
	}
	return sandbox_syscalls(&box, NULL) == 0 ? 0 : NO_SANDBOX;
}
static int enter_limits(void) {
	return sandbox_limit(&box, NULL) == 0 ? 0 : NO_SANDBOX;
}
static int enter_short_limits(void) {
	struct sandbox quick = box;
	quick.cpu_s = 1;
	return sandbox_limit(&quick, NULL) == 0 ? 0 : NO_SANDBOX;
}
static int enter_namespaces(void) {
	return sandbox_namespaces() == 1 ? 0 : MISSING;
}
static int enter_landlock(void) {
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return sandbox_landlock() == 1 ? 0 : MISSING;
}
static int enter_capabilities(void) {
	return sandbox_capabilities(NULL) == 0 ? 0 : NO_SANDBOX;
}

struct escape {
	const char *name;
	int (*enter)(void);
	long (*act)(void);
	int ret; /* as of escape_attempt() */
	int or ; /* or this, where the box decides; 0 for none */
};

static void run(const struct escape *cases, size_t n) {
	for (size_t i = 0; i < n; i++) {
		int got = escape_attempt(cases[i].enter, cases[i].act);
		if (got == -MISSING) {
			print_message("%s: not on this kernel\n", cases[i].name);
			continue;
		}
		if (got != cases[i].ret && (cases[i].or == 0 || got != cases[i].or)) {
			fail_msg("%s: %d instead of %d", cases[i].name, got,
				 cases[i].ret);
		}
	}
}
#define RUN(cases) run(cases, sizeof(cases) / sizeof((cases)[0]))

/* Without the sandbox the attempts succeed; or this test shows nothing. */
static void outside_all_of_it_works(void **state) {
	(void)state;
	static const struct escape cases[] = {
		{"open", escape_enter_nothing, try_open, 0, 0},
		{"socket", escape_enter_nothing, try_socket, 0, 0},
		{"connect", escape_enter_nothing, try_connect, 0, 0},
		{"exec", escape_enter_nothing, try_exec, 0, 0},
		{"kill", escape_enter_nothing, try_kill, 0, 0},
		{"code", escape_enter_nothing, try_code, 0, 0},
		{"memory", escape_enter_nothing, try_memory, 0, 0},
		{"large file", escape_enter_nothing, try_large_file, 0, 0},
		{"write", escape_enter_nothing, try_write, 0, 0},
		{"create", escape_enter_nothing, try_create, 0, 0},
		{"unlink", escape_enter_nothing, try_unlink, 0, 0},
		{"fork", escape_enter_nothing, try_fork, 0, 0},
		{"ptrace", escape_enter_nothing, try_ptrace, 0, 0},
		{"make code", escape_enter_nothing, try_make_code, 0, 0},
		{"read", escape_enter_nothing, try_read, 0, 0},
		{"dumpable", escape_enter_nothing, try_dumpable, 0, 0},
		{"call the daemon", escape_enter_nothing, try_daemon, 0, 0},
	};
	RUN(cases);
}

static void nothing_gets_out(void **state) {
	(void)state;
	static const struct escape cases[] = {
		{"its work", enter_all, try_allowed, 0, 0},
		{"open", enter_all, try_open, -EACCES, 0},
		{"create", enter_all, try_create, -EACCES, 0},
		{"unlink", enter_all, try_unlink, SIGSYS, 0},
		{"socket", enter_all, try_socket, SIGSYS, 0},
		{"call the daemon", enter_all, try_daemon, SIGSYS, 0},
		{"exec", enter_all, try_exec, SIGSYS, 0},
		{"kill", enter_all, try_kill, SIGSYS, 0},
		{"fork", enter_all, try_fork, SIGSYS, 0},
		{"ptrace", enter_all, try_ptrace, SIGSYS, 0},
		{"code", enter_all, try_code, SIGSYS, 0},
		{"make code", enter_all, try_make_code, SIGSYS, 0},
		{"map a file", enter_all, try_map_file, SIGSYS, 0},
		{"write elsewhere", enter_all, try_write, SIGSYS, 0},
		{"read", enter_all, try_read, SIGSYS, 0},
		{"dumpable", enter_all, try_dumpable, SIGSYS, 0},
		{"unshare", enter_all, try_unshare, SIGSYS, 0},
		{"io_uring", enter_all, try_io_uring, SIGSYS, 0},
		{"large file", enter_all, try_large_file, SIGXFSZ, 0},
	};
	RUN(cases);
}

static void each_layer_holds_alone(void **state) {
	(void)state;
	static const struct escape cases[] = {
		{"calls: socket", enter_syscalls, try_socket, SIGSYS, 0},
		{"calls: open", enter_syscalls, try_open, -EACCES, 0},
		{"limits: open", enter_limits, try_open, -EMFILE, 0},
		{"limits: large file", enter_limits, try_large_file, SIGXFSZ, 0},
		{"limits: spin", enter_short_limits, try_spin, SIGXCPU, SIGKILL},
		{"namespaces: connect", enter_namespaces, try_connect, -ENETUNREACH, 0},
		{"landlock: open", enter_landlock, try_open, -EACCES, 0},
		{"landlock: create", enter_landlock, try_create, -EACCES, 0},
		{"landlock: exec", enter_landlock, try_exec, -EACCES, 0},
		{"capabilities: chroot", enter_capabilities, try_chroot, -EPERM, 0},
#if !SANDBOX_SANITIZED
		{"limits: memory", enter_limits, try_memory, -ENOMEM, 0},
		{"all: memory", enter_all, try_memory, -ENOMEM, 0},
#endif
	};
	RUN(cases);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outside_all_of_it_works),
		cmocka_unit_test(nothing_gets_out),
		cmocka_unit_test(each_layer_holds_alone),
	};
	return cmocka_run_group_tests_name("sandbox", tests, escapes_setup,
					   escapes_teardown);
}
