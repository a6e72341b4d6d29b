/* confine_calls.c - see confine_calls.h. A call that is not on the list fails with EPERM
 * and kills nobody: what libraries try beside their work differs from release to release,
 * and a village is to hear its radio all the same.
 *
 * Neither program gets a Unix socket to connect with: the daemon takes who comes to its
 * own as an administrator where he has its user, and Landlock does not look at that. A
 * line gets no socket at all: it may read what the daemon may, and is to have nowhere to
 * carry it. */
#include "confine_calls.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const int both_calls[] = {
	/* memory, time, threads, the way out */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	/* files that are there */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(lseek),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstatfs),
	SCMP_SYS(getcwd),
	/* waiting */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
};

static const int stream_calls[] = {
	SCMP_SYS(connect),     SCMP_SYS(bind),       SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(sendto),      SCMP_SYS(recvfrom),   SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),     SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
};

/* What some plugins share a card with (dsnoop), and others keep time by. */
static const int line_calls[] = {
	SCMP_SYS(shmget),          SCMP_SYS(shmat),           SCMP_SYS(shmdt),
	SCMP_SYS(shmctl),          SCMP_SYS(semget),          SCMP_SYS(semop),
	SCMP_SYS(semtimedop),      SCMP_SYS(semctl),          SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
};

static int add_plain(scmp_filter_ctx filter, const int *calls, size_t n) {
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	}
	return rc;
}

/* Of each of these calls those in which `argument` has of the bits `mask` just `bits`. */
static int add_masked(scmp_filter_ctx filter, int call, unsigned int argument,
		      uint64_t mask, uint64_t bits) {
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, bits));
}

/* Those that open a file with none of the flags `without`. */
static int add_opens(scmp_filter_ctx filter, uint64_t without) {
	int rc = add_masked(filter, SCMP_SYS(open), 1, without, 0);
	return rc ? rc : add_masked(filter, SCMP_SYS(openat), 2, without, 0);
}

static int add_both(scmp_filter_ctx filter) {
	int rc = add_plain(filter, both_calls, LENGTH(both_calls));
	/* A thread, for names that are looked up, and no process. */
	rc = rc ? rc : add_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	rc = rc ? rc
		: seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Its own limits are read, nobody's are set. */
	rc = rc ? rc
		: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				   SCMP_A0(SCMP_CMP_EQ, 0, 0),
				   SCMP_A2(SCMP_CMP_EQ, 0, 0));
	/* Memory that can run is a library's, and never written to. */
	rc = rc ? rc : add_masked(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	rc = rc ? rc
		: seccomp_rule_add(
			  filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
			  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return rc ? rc : add_masked(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

/* Sockets of the Internet; of netlink what tells of addresses (getaddrinfo); and pairs of
 * its own, connected once and for all, which libcurl wakes itself with. */
static int add_sockets(scmp_filter_ctx filter) {
	static const int families[] = {AF_INET, AF_INET6};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < LENGTH(families); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	}
	rc = rc ? rc
		: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				   SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
				   SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
	return rc ? rc : add_masked(filter, SCMP_SYS(socketpair), 1, 0xf, SOCK_STREAM);
}

static int add_stream(scmp_filter_ctx filter) {
	static const uint64_t requests[] = {FIONREAD, FIONBIO};
	int rc = add_plain(filter, stream_calls, LENGTH(stream_calls));
	rc = rc ? rc : add_sockets(filter);
	for (size_t i = 0; rc == 0 && i < LENGTH(requests); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_EQ, requests[i], 0));
	}
	return rc ? rc : add_opens(filter, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND);
}

/* ALSA's requests by their type: PCM, control, hardware-dependent, and timers, whose type
 * is that of terminals as well; of those only what no terminal has. */
static int add_line(scmp_filter_ctx filter) {
	static const struct {
		uint64_t mask;
		uint64_t bits;
	} requests[] = {
		{0xff00, 'A' << 8},
		{0xff00, 'U' << 8},
		{0xff00, 'H' << 8},
		{0xffe0, 'T' << 8 | 0xa0},
		{(uint64_t)_IOC_READ << _IOC_DIRSHIFT | 0xff00,
		 (uint64_t)_IOC_READ << _IOC_DIRSHIFT | 'T' << 8},
		{(uint64_t)_IOC_WRITE << _IOC_DIRSHIFT | 0xff00,
		 (uint64_t)_IOC_WRITE << _IOC_DIRSHIFT | 'T' << 8},
	};
	int rc = add_plain(filter, line_calls, LENGTH(line_calls));
	for (size_t i = 0; rc == 0 && i < LENGTH(requests); i++) {
		rc = add_masked(filter, SCMP_SYS(ioctl), 1, requests[i].mask,
				requests[i].bits);
	}
	return rc ? rc : add_opens(filter, O_CREAT | O_TRUNC);
}

static int confine_calls(int (*add)(scmp_filter_ctx filter), struct error *err) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL) {
		return error_set(err, ENOMEM, "no memory for the system call filter");
	}
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	rc = rc != 0 ? rc : add_both(filter);
	rc = rc != 0 ? rc : add(filter);
	rc = rc != 0 ? rc : seccomp_load(filter);
	seccomp_release(filter);
	return rc != 0 ? error_set(err, -rc, "cannot filter system calls: %s",
				   strerror(-rc))
		       : 0;
}

int confine_calls_line(struct error *err) {
	return confine_calls(add_line, err);
}

int confine_calls_stream(struct error *err) {
	return confine_calls(add_stream, err);
}
