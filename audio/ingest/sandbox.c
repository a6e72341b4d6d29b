/* sandbox.c - see sandbox.h. Under the address sanitizer two things have to give: it
 * reserves terabytes of address space, so that this limit is left out, and it asks for
 * files and writes to fd 2 when it has something to say; the rest holds there too. */
#include "sandbox.h"

#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* Landlock's structure and rights by version of its ABI (linux/landlock.h of Debian 12
 * knows the first three only). */
struct landlock_rights {
	uint64_t fs;
	uint64_t net;    /* from 4 */
	uint64_t scoped; /* from 6 */
};
#define LANDLOCK_VERSION 1U /* LANDLOCK_CREATE_RULESET_VERSION */

static int set_limit(int resource, const char *name, uint64_t value, struct error *err) {
	struct rlimit limit = {value, value};
	struct rlimit now;
	/* The outer limit may be tighter already; it can only be lowered. */
	if (getrlimit(resource, &now) == 0 && now.rlim_max < value) {
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	}
	if (setrlimit(resource, &limit) < 0) {
		return error_set(err, errno, "cannot set the limit %s: %s", name,
				 strerror(errno));
	}
	return 0;
}

int sandbox_limit(const struct sandbox *box, struct error *err) {
	const struct {
		int resource;
		const char *name;
		uint64_t value;
	} limits[] = {
		{RLIMIT_AS, "AS", SANDBOX_SANITIZED ? RLIM_INFINITY : box->memory_bytes},
		{RLIMIT_CPU, "CPU", box->cpu_s},
		{RLIMIT_FSIZE, "FSIZE", box->file_bytes},
		{RLIMIT_NOFILE, "NOFILE", 0},
		{RLIMIT_NPROC, "NPROC", 0},
		{RLIMIT_CORE, "CORE", 0},
		{RLIMIT_MEMLOCK, "MEMLOCK", 0},
		{RLIMIT_MSGQUEUE, "MSGQUEUE", 0},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int rc = set_limit(limits[i].resource, limits[i].name, limits[i].value,
				   err);
		if (rc < 0) {
			return rc;
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		return error_set(err, errno, "cannot give up privileges: %s",
				 strerror(errno));
	}
	return 0;
}

int sandbox_namespaces(void) {
	int flags = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID |
		    CLONE_NEWUTS | CLONE_NEWCGROUP;
	/* Root needs no user namespace for the others, and may not be allowed one. */
	return unshare(flags | CLONE_NEWUSER) == 0 || unshare(flags) == 0 ? 1 : 0;
}

static struct landlock_rights landlock_all(long abi) {
	/* EXECUTE to MAKE_SYM, then REFER, TRUNCATE, IOCTL_DEV. */
	struct landlock_rights all = {.fs = (UINT64_C(1) << 13) - 1};
	all.fs |= abi >= 2 ? UINT64_C(1) << 13 : 0;
	all.fs |= abi >= 3 ? UINT64_C(1) << 14 : 0;
	all.fs |= abi >= 5 ? UINT64_C(1) << 15 : 0;
	all.net = abi >= 4 ? 3 : 0;    /* BIND_TCP, CONNECT_TCP */
	all.scoped = abi >= 6 ? 3 : 0; /* ABSTRACT_UNIX_SOCKET, SIGNAL */
	return all;
}

int sandbox_landlock(void) {
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	if (abi < 1) {
		return 0;
	}
	struct landlock_rights all = landlock_all(abi);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (fd < 0) {
		return 0;
	}
	long rc = syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return rc == 0 ? 1 : 0;
}

int sandbox_capabilities(struct error *err) {
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
	if (syscall(SYS_capset, &head, none) < 0) {
		return error_set(err, errno, "cannot drop capabilities: %s",
				 strerror(errno));
	}
	return 0;
}

/* Memory, time, and the way out. */
static const int calls[] = {
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sysinfo), /* qsort of libc */
};

/* What the sanitizers' run-time library does by itself. */
static const int sanitizer_calls[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(getpid),       SCMP_SYS(gettid),
	SCMP_SYS(sched_yield), SCMP_SYS(rt_sigaction),
};

static int add_plain(scmp_filter_ctx filter, const int *list, size_t n) {
	for (size_t i = 0; i < n; i++) {
		int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, list[i], 0);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const struct sandbox *box) {
	int rc = add_plain(filter, calls, sizeof(calls) / sizeof(calls[0]));
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)box->fds[i], 0));
	}
	/* libsndfile looks for a Mac's resource fork beside a file it does not know; that
	 * is no reason to die. */
	const int opens[] = {SCMP_SYS(open), SCMP_SYS(openat)};
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), opens[i], 0);
	}
	/* Memory is never executable and never a file's. */
	rc = rc != 0 ? rc
		     : seccomp_rule_add(
			       filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			       SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	rc = rc != 0 ? rc
		     : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* libmpg123 grumbles on standard error: nobody listens, unless it is the
	 * sanitizer that speaks. */
	rc = rc != 0 ? rc
		     : seccomp_rule_add(filter,
					SANDBOX_SANITIZED ? SCMP_ACT_ALLOW
							  : SCMP_ACT_ERRNO(EBADF),
					SCMP_SYS(write), 1,
					SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
	if (rc == 0 && SANDBOX_SANITIZED) {
		rc = add_plain(filter, sanitizer_calls,
			       sizeof(sanitizer_calls) / sizeof(sanitizer_calls[0]));
	}
	return rc;
}

int sandbox_syscalls(const struct sandbox *box, struct error *err) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL) {
		return error_set(err, ENOMEM, "no memory for the system call filter");
	}
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	rc = rc != 0 ? rc : add_rules(filter, box);
	rc = rc != 0 ? rc : seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0) {
		return error_set(err, -rc, "cannot filter system calls: %s",
				 strerror(-rc));
	}
	return 0;
}

int sandbox_enter(const struct sandbox *box, struct error *err) {
	/* Landlock and namespaces need a free descriptor, so they come before the limits;
	 * Landlock needs no_new_privs, which the limits set as well. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return error_set(err, errno, "cannot give up privileges: %s",
				 strerror(errno));
	}
	(void)sandbox_namespaces();
	(void)sandbox_landlock();
	int rc = sandbox_limit(box, err);
	rc = rc < 0 ? rc : sandbox_capabilities(err);
	return rc < 0 ? rc : sandbox_syscalls(box, err);
}
