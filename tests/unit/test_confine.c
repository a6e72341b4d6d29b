/* test_confine.c - tries to do what dalaba-relay has given up, as a decoder that was
 * taken over would; and what it still needs. Every attempt is made in a child of its own.
 */
#include "audio/relay/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOT_CONFINED 200
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static long try_passwd(void) {
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}
static long try_hosts(void) {
	return syscall(SYS_openat, AT_FDCWD, "/etc/hosts", O_RDONLY, 0);
}
static long try_create(void) {
	return syscall(SYS_openat, AT_FDCWD, "/tmp/dalaba-escaped", O_WRONLY | O_CREAT,
		       0600);
}
static long try_device(void) {
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
}
static long try_unlink(void) {
	return syscall(SYS_unlinkat, AT_FDCWD, "/tmp/dalaba-no-such-file", 0);
}
static long try_exec(void) {
	char *argv[] = {NULL};
	return syscall(SYS_execve, "/bin/true", argv, argv);
}
static long try_fork(void) {
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static long try_kill(void) {
	return syscall(SYS_kill, getppid(), 0);
}
static long try_ptrace(void) {
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}
static long try_code(void) {
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
}
static long try_packets(void) {
	return syscall(SYS_socket, AF_PACKET, SOCK_DGRAM, 0);
}
static long try_listen(void) {
	return syscall(SYS_listen, 0, 1);
}
static long try_connect(void) {
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&to, sizeof(to));
}
static long try_large_file(void) {
	signal(SIGXFSZ, SIG_IGN);
	return write(7, "x", 1);
}
static long try_root(void) {
	return syscall(SYS_chroot, "/");
}

static int enter_nothing(void) {
	return 0;
}
static int enter_line(void) {
	return confine_line(NULL);
}
static int enter_stream(void) {
	return confine_stream(NULL);
}

/* The errno it got, 0 where it succeeded. */
static int attempt(int (*enter)(void), long (*act)(void)) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(open("/tmp", O_RDWR | O_TMPFILE, 0600), 7);
		int rc = enter() < 0 ? NOT_CONFINED : 0;
		if (rc == 0) {
			rc = act() < 0 ? errno : 0;
		}
		syscall(SYS_exit_group, rc);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void it_has_what_it_needs_and_no_more(void **state) {
	(void)state;
	static const struct {
		const char *name;
		long (*act)(void);
		int line; /* errno, or 0 */
		int stream;
		bool landlock; /* it is this that forbids it */
	} cases[] = {
		{"read /etc/hosts", try_hosts, 0, 0, false},
		{"connect", try_connect, 0, 0, false},
		{"read /etc/passwd", try_passwd, 0, EACCES, true},
		{"use a device", try_device, 0, EPERM, false},
		{"create a file", try_create, EACCES, EPERM, true},
		{"remove a file", try_unlink, ENOENT, EPERM, false},
		{"write to a file", try_large_file, EFBIG, EFBIG, false},
		{"run a program", try_exec, EACCES, EPERM, true},
		{"fork", try_fork, 0, EPERM, false},
		{"kill", try_kill, 0, EPERM, false},
		{"ptrace", try_ptrace, 0, EPERM, false},
		{"make code", try_code, 0, EPERM, false},
		{"packets", try_packets, EPERM, EPERM, false},
		{"listen", try_listen, ENOTSOCK, EPERM, false},
		{"chroot", try_root, EPERM, EPERM, false},
	};
	bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		bool by_it = cases[i].landlock && !landlock;
		int line = attempt(enter_line, cases[i].act);
		int stream = attempt(enter_stream, cases[i].act);
		if (cases[i].act == try_kill && landlock && line == EPERM) {
			line = 0; /* from its sixth version on it forbids this as well */
		}
		if (line != cases[i].line && !by_it) {
			fail_msg("line: %s: %d", cases[i].name, line);
		}
		if (stream != cases[i].stream && !(by_it && cases[i].stream == EACCES)) {
			fail_msg("stream: %s: %d", cases[i].name, stream);
		}
	}
	if (!landlock) {
		print_message("no Landlock on this kernel\n");
	}
}

/* Or the test above shows nothing. */
static void without_it_all_of_that_works(void **state) {
	(void)state;
	static long (*const acts[])(void) = {try_passwd, try_device,    try_exec,
					     try_fork,   try_kill,      try_ptrace,
					     try_code,   try_large_file};
	for (size_t i = 0; i < LENGTH(acts); i++) {
		assert_int_equal(attempt(enter_nothing, acts[i]), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_it_all_of_that_works),
		cmocka_unit_test(it_has_what_it_needs_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
