/* test_sandbox.c - tries to get out of the sandbox of dalaba-ingest, as a decoder that
 * was taken over would: through all layers, and through each alone. Every attempt is made
 * in a child of its own. */
#include "audio/ingest/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Also the exit code of a child whose sandbox could not be made. */
#define NO_SANDBOX 200
#define MISSING 201 /* the kernel lacks this layer */

static const struct sandbox box = {
	.memory_bytes = 300000000, .file_bytes = 100000, .cpu_s = 5, .fds = {1, 3}};

/* Each is a raw system call, and returns what it gave. */
static long try_open(void) {
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}
static long try_create(void) {
	return syscall(SYS_openat, AT_FDCWD, "/tmp/dalaba-escaped", O_WRONLY | O_CREAT,
		       0600);
}
static long try_unlink(void) {
	return syscall(SYS_unlinkat, AT_FDCWD, "/tmp/dalaba-no-such-file", 0);
}
static long try_socket(void) {
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
static long try_connect(void) {
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&to, sizeof(to));
}
static long try_exec(void) {
	char *argv[] = {NULL};
	return syscall(SYS_execve, "/bin/true", argv, argv);
}
static long try_kill(void) {
	return syscall(SYS_kill, getppid(), 0);
}
static long try_fork(void) {
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static long try_ptrace(void) {
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}
static long try_code(void) {
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
}
static long try_make_code(void) {
	static char page[8192];
	uintptr_t at = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;
	return syscall(SYS_mprotect, at, 4096, PROT_READ | PROT_EXEC);
}
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
static long try_unshare(void) {
	return syscall(SYS_unshare, CLONE_NEWUSER);
}
static long try_chroot(void) {
	return syscall(SYS_chroot, "/");
}
static long try_io_uring(void) {
	return syscall(SYS_io_uring_setup, 1, NULL);
}
static long try_memory(void) {
	return (long)mmap(NULL, 400000000, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long try_large_file(void) {
	static char piece[1000];
	long total = 0;
	for (int i = 0; i < 200; i++) {
		long n = write(1, piece, sizeof(piece));
		if (n < 0) {
			return n;
		}
		total += n;
	}
	return total;
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

/* What came of it: the number of the signal that ended the child, or minus the errno it
 * got, or 0 where it succeeded. */
static int attempt(int (*enter)(void), long (*act)(void)) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		dup2(open("/tmp", O_RDWR | O_TMPFILE, 0600), 1);
		dup2(open("/dev/null", O_WRONLY), 3);
		dup2(open("/dev/null", O_WRONLY), 5);
		int rc = enter();
		if (rc != 0) {
			syscall(SYS_exit_group, rc);
		}
		rc = act() < 0 ? errno : 0;
		syscall(SYS_exit_group, rc);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

struct escape {
	const char *name;
	int (*enter)(void);
	long (*act)(void);
	int ret; /* as of attempt() */
	int or ; /* or this, where the box decides; 0 for none */
};

static void run(const struct escape *cases, size_t n) {
	for (size_t i = 0; i < n; i++) {
		int got = attempt(cases[i].enter, cases[i].act);
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

static int enter_nothing(void) {
	return 0;
}

/* Without the sandbox the attempts succeed; or this test shows nothing. */
static void outside_all_of_it_works(void **state) {
	(void)state;
	static const struct escape cases[] = {
		{"open", enter_nothing, try_open, 0, 0},
		{"socket", enter_nothing, try_socket, 0, 0},
		{"connect", enter_nothing, try_connect, 0, 0},
		{"exec", enter_nothing, try_exec, 0, 0},
		{"kill", enter_nothing, try_kill, 0, 0},
		{"code", enter_nothing, try_code, 0, 0},
		{"memory", enter_nothing, try_memory, 0, 0},
		{"large file", enter_nothing, try_large_file, 0, 0},
		{"write", enter_nothing, try_write, 0, 0},
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
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
