/* confine.c - see confine.h. Beside audio/ingest/sandbox.c, which leaves a decoder
 * nothing: this program needs a network or a card. A call that is not on the list fails
 * with EPERM and kills nobody: what libraries try beside their work differs from release
 * to release, and a village is to hear its radio all the same. */
#include "confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RELAY_SANITIZED
#define RELAY_SANITIZED 0
#endif

#define MEMORY_BYTES (1ULL << 30)
#define FILES 64
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* By version of Landlock's ABI; the headers of Debian 12 know the first three only. */
struct rights {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)  /* from 3 */
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* from 5 */
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define USE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_IOCTL_DEV)

struct place {
	const char *path;
	uint64_t rights;
};

/* ALSA's configuration may lie anywhere, and name plugins that read what they like. */
static const struct place line_places[] = {{"/", READ}, {"/dev", USE}, {"/proc", USE}};

/* Names, certificates, libraries. No other file of this box can be carried out. */
static const struct place stream_places[] = {
	{"/usr", READ},
	{"/lib", READ},
	{"/lib64", READ},
	{"/etc/ca-certificates", READ},
	{"/etc/gai.conf", READ},
	{"/etc/gnutls", READ},
	{"/etc/host.conf", READ},
	{"/etc/hosts", READ},
	{"/etc/ld.so.cache", READ},
	{"/etc/localtime", READ},
	{"/etc/nsswitch.conf", READ},
	{"/etc/resolv.conf", READ},
	{"/etc/services", READ},
	{"/etc/ssl/certs", READ},
	{"/run/NetworkManager", READ},
	{"/run/resolvconf", READ},
	{"/run/systemd/resolve", READ},
	{"/dev/null", READ},
	{"/dev/urandom", READ},
};

static int set_limit(int resource, uint64_t value, struct error *err) {
	struct rlimit now;
	if (getrlimit(resource, &now) == 0 && now.rlim_max < value) {
		value = now.rlim_max; /* it can only be lowered */
	}
	struct rlimit limit = {value, value};
	return setrlimit(resource, &limit) < 0
		       ? error_set(err, errno, "cannot set a limit: %s", strerror(errno))
		       : 0;
}

static int give_up(struct error *err) {
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
	int rc = RELAY_SANITIZED ? 0 : set_limit(RLIMIT_AS, MEMORY_BYTES, err);
	rc = rc < 0 ? rc : set_limit(RLIMIT_NOFILE, FILES, err);
	rc = rc < 0 ? rc : set_limit(RLIMIT_FSIZE, 0, err);
	rc = rc < 0 ? rc : set_limit(RLIMIT_CORE, 0, err);
	if (rc < 0) {
		return rc;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0) {
		return error_set(err, errno, "cannot give up privileges: %s",
				 strerror(errno));
	}
	return 0;
}

/* ---- files ---- */

static struct rights rights_of(long abi) {
	struct rights all = {.fs = (UINT64_C(1) << 13) - 1};
	all.fs |= abi >= 2 ? UINT64_C(1) << 13 : 0;
	all.fs |= abi >= 3 ? RIGHT_TRUNCATE : 0;
	all.fs |= abi >= 5 ? RIGHT_IOCTL_DEV : 0;
	all.scoped = abi >= 6 ? 3 : 0; /* abstract sockets, signals */
	return all;
}

static void allow(int ruleset, const struct place *place, uint64_t known) {
	int fd = open(place->path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		return; /* not everything is everywhere */
	}
	struct landlock_path_beneath_attr rule = {.allowed_access = place->rights & known,
						  .parent_fd = fd};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
		    0) < 0) {
		/* What belongs to folders is refused for a file. */
		rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
		(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
			      &rule, 0);
	}
	close(fd);
}

static int shut_files(const struct place *places, size_t n, struct error *err) {
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		return 0;
	}
	struct rights all = rights_of(abi);
	size_t size = abi >= 6   ? sizeof(all)
		      : abi >= 4 ? offsetof(struct rights, scoped)
				 : offsetof(struct rights, net);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	if (ruleset < 0) {
		return error_set(err, errno, "cannot shut off files: %s",
				 strerror(errno));
	}
	for (size_t i = 0; i < n; i++) {
		allow(ruleset, &places[i], all.fs);
	}
	long rc = syscall(SYS_landlock_restrict_self, ruleset, 0);
	int code = errno;
	close(ruleset);
	return rc < 0 ? error_set(err, code, "cannot shut off files: %s", strerror(code))
		      : 0;
}

/* ---- system calls ---- */

static const int calls[] = {
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
	/* the network, and waiting for it */
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
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
};

static int add_plain(scmp_filter_ctx filter) {
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < LENGTH(calls); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	}
	return rc;
}

/* Of each of these calls one kind: a socket of these families, a request of these. */
static int add_one_of(scmp_filter_ctx filter, int call, unsigned int argument,
		      const uint64_t *values, size_t n) {
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				      SCMP_CMP(argument, SCMP_CMP_EQ, values[i], 0));
	}
	return rc;
}

/* Of each of these calls those in which `argument` has of the bits `mask` just `bits`. */
static int add_masked(scmp_filter_ctx filter, int call, unsigned int argument,
		      uint64_t mask, uint64_t bits) {
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, bits));
}

static int add_rules(scmp_filter_ctx filter) {
	static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	static const uint64_t requests[] = {FIONREAD, FIONBIO};
	const uint64_t writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
	int rc = add_plain(filter);
	rc = rc ? rc
		: add_one_of(filter, SCMP_SYS(socket), 0, families, LENGTH(families));
	rc = rc ? rc : add_one_of(filter, SCMP_SYS(ioctl), 1, requests, LENGTH(requests));
	rc = rc ? rc : add_masked(filter, SCMP_SYS(open), 1, writes, O_RDONLY);
	rc = rc ? rc : add_masked(filter, SCMP_SYS(openat), 2, writes, O_RDONLY);
	/* A thread, for names that are looked up, and no process. */
	rc = rc ? rc : add_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	rc = rc ? rc
		: seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Its own limits are read, nobody's are set. */
	rc = rc ? rc
		: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
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

static int shut_calls(struct error *err) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL) {
		return error_set(err, ENOMEM, "no memory for the system call filter");
	}
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	rc = rc != 0 ? rc : add_rules(filter);
	rc = rc != 0 ? rc : seccomp_load(filter);
	seccomp_release(filter);
	return rc != 0 ? error_set(err, -rc, "cannot filter system calls: %s",
				   strerror(-rc))
		       : 0;
}

int confine_line(struct error *err) {
	int rc = give_up(err);
	return rc < 0 ? rc : shut_files(line_places, LENGTH(line_places), err);
}

int confine_stream(struct error *err) {
	int rc = give_up(err);
	rc = rc < 0 ? rc : shut_files(stream_places, LENGTH(stream_places), err);
	return rc < 0 ? rc : shut_calls(err);
}
