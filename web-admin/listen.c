/* listen.c - see listen.h. */
#include "listen.h"

#include "auth.h"
#include "base/cleanup.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse_address(const char *text, union address *ret, socklen_t *len) {
	char host[64];
	bool v6 = text[0] == '[';
	const char *colon = strrchr(text, ':');
	const char *end = v6 ? strchr(text, ']') : colon;
	const char *start = v6 ? text + 1 : text;
	int64_t port = 0;
	if (colon == NULL || end == NULL || (v6 && end + 1 != colon) ||
	    (size_t)(end - start) >= sizeof(host) ||
	    parse_int64(colon + 1, 0, 65535, &port) < 0) {
		return -EINVAL;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(end - start), start);
	*ret = (union address){0};
	if (v6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		*len = sizeof(ret->v6);
		return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons((uint16_t)port);
	*len = sizeof(ret->v4);
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

int listen_tcp(const char *address, struct error *err) {
	union address parsed;
	socklen_t len = 0;
	if (parse_address(address, &parsed, &len) < 0) {
		return error_set(err, EINVAL,
				 "'%s' is not an address to listen on; write it like "
				 "127.0.0.1:8080 or [::1]:8080",
				 address);
	}
	AUTO(fd_close)
	int fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int one = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &parsed.any, len) < 0 || listen(fd, BACKLOG) < 0) {
		int code = errno;
		return error_set(err, code, "cannot listen on %s: %s%s", address,
				 strerror(code),
				 code == EADDRINUSE ? "; another program has it" : "");
	}
	return MOVE_FD(fd);
}

/* Removes what a dead daemon left. */
static int clear_place(const char *path, const struct sockaddr_un *address,
		       struct error *err) {
	struct stat st;
	if (lstat(path, &st) < 0) {
		return errno == ENOENT ? 0
				       : error_set(err, errno, "cannot look at '%s': %s",
						   path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode)) {
		return error_set(err, EADDRINUSE,
				 "'%s' is there and is no socket; move it away, or name "
				 "another file",
				 path);
	}
	AUTO(fd_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
	}
	/* A full queue (EAGAIN) is a sign of life as well. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED) {
		return error_set(err, EADDRINUSE,
				 "a program answers at '%s' already; is dalabad running?",
				 path);
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		return error_set(err, errno, "cannot replace the old socket '%s': %s",
				 path, strerror(errno));
	}
	return 0;
}

/* Nobody but the owner may connect until the group is right. */
static int bind_file(int fd, const struct sockaddr_un *address) {
	mode_t mask = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int code = errno;
	umask(mask);
	return rc < 0 ? -code : 0;
}

int listen_local(const char *path, const char *group, struct listen_file *ret,
		 bool *grouped, struct error *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		return error_set(err, EINVAL,
				 "the path of the socket is longer than %zu bytes: '%s'",
				 sizeof(address.sun_path) - 1, path);
	}
	strcpy(address.sun_path, path);
	int rc = clear_place(path, &address, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(fd_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : bind_file(fd, &address);
	if (rc < 0) {
		return error_set(err, -rc, "cannot make the socket '%s': %s%s", path,
				 strerror(-rc),
				 rc == -ENOENT || rc == -EACCES
					 ? "; make its folder for the user of dalabad, "
					   "or name another in [http] socket"
					 : "");
	}
	struct stat st;
	gid_t gid = 0;
	bool known = auth_group(group, &gid) == 0;
	bool given = !known || lchown(path, (uid_t)-1, gid) == 0;
	if (chmod(path, 0660) < 0 || lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
		int code = errno;
		unlink(path);
		return error_set(err, code, "cannot set up the socket '%s': %s", path,
				 strerror(code));
	}
	*ret = (struct listen_file){.dev = st.st_dev, .ino = st.st_ino};
	str_copy(ret->path, sizeof(ret->path), path);
	*grouped = given;
	return MOVE_FD(fd);
}

void listen_forget(const struct listen_file *file) {
	struct stat st;
	if (file->path[0] != '\0' && lstat(file->path, &st) == 0 &&
	    st.st_dev == file->dev && st.st_ino == file->ino) {
		unlink(file->path);
	}
}
