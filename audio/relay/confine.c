/* confine.c - see confine.h. Beside audio/ingest/sandbox.c, which leaves a decoder
 * nothing: this program needs a network or a card. What it may ask of the kernel is in
 * confine_calls.c. */
#include "confine.h"

#include "confine_calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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
static const struct place line_places[] = {{"/", READ}, {"/dev", USE}};

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

int confine_line(struct error *err) {
	int rc = give_up(err);
	rc = rc < 0 ? rc : shut_files(line_places, LENGTH(line_places), err);
	return rc < 0 ? rc : confine_calls_line(err);
}

int confine_stream(struct error *err) {
	int rc = give_up(err);
	rc = rc < 0 ? rc : shut_files(stream_places, LENGTH(stream_places), err);
	return rc < 0 ? rc : confine_calls_stream(err);
}
