/* server.c - admin.h: puts the sockets, HTTP and the events together, and turns them. */
#include "admin_internal.h"
#include "base/str.h"
#include "events.h"
#include "http.h"
#include "listen.h"
#include "request_internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#define HOUR_US (INT64_C(3600) * 1000000)
#define ANSWER_LIFE_US (24 * HOUR_US)
#define PEM_MAX (INT64_C(256) * 1024)

struct server {
	struct admin admin; /* first: a struct admin is the start of its server */
	struct listen_file file;
};

static struct server *server_of(struct admin *a) {
	return (struct server *)a;
}

void admin_ref(struct admin *a) {
	a->refs++;
}

void admin_unref(struct admin *a) {
	if (--a->refs == 0) {
		free(server_of(a));
	}
}

void admin_wake(struct admin *a) {
	if (a->wake_fd >= 0) {
		/* Full means that it is awake already. */
		(void)!eventfd_write(a->wake_fd, 1);
	}
}

void admin_log(struct admin *a, int priority, const char *format, ...) {
	char text[ERROR_TEXT_SIZE * 2];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	a->config.ops->log(a->config.ctx, priority, text);
}

int64_t admin_monotonic_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---------------------------------------------------------------------- to and fro */

static int read_pem(const char *path, char **ret, struct error *err) {
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		return error_set(err, errno,
				 "'%s' cannot be read: %s; name a PEM file that the user "
				 "of dalabad may read",
				 path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode) || st.st_size > PEM_MAX) {
		return error_set(err, EINVAL, "'%s' is not a PEM file", path);
	}
	AUTO(free) char *text = calloc(1, (size_t)st.st_size + 1);
	if (text == NULL) {
		return error_set(err, ENOMEM, "no memory for '%s'", path);
	}
	ssize_t n = read(fd, text, (size_t)st.st_size);
	if (n != st.st_size || strstr(text, "-----BEGIN ") == NULL) {
		return error_set(err, EINVAL,
				 "'%s' is not a PEM file: it has no -----BEGIN line",
				 path);
	}
	*ret = MOVE(text);
	return 0;
}

static int watch(struct admin *a, int fd, struct error *err) {
	struct epoll_event event = {.events = EPOLLIN};
	if (epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		return error_set(err, errno, "cannot watch the API: %s", strerror(errno));
	}
	return 0;
}

static int open_tcp(struct admin *a, struct error *err) {
	const struct admin_config *config = &a->config;
	AUTO(free) char *certificate = NULL;
	AUTO(free) char *key = NULL;
	bool tls = config->certificate[0] != '\0';
	if (tls) {
		if (read_pem(config->certificate, &certificate, err) < 0) {
			return error_prefix(err, "[http] tls_certificate: ");
		}
		if (read_pem(config->key, &key, err) < 0) {
			return error_prefix(err, "[http] tls_key: ");
		}
	}
	int fd = listen_tcp(config->listen, err);
	if (fd < 0) {
		return fd;
	}
	struct http_config http = {
		.admin = a, .fd = fd, .certificate = certificate, .key = key};
	int rc = http_new(&http, &a->tcp, err);
	if (rc < 0) {
		return tls ? error_prefix(err,
					  "[http] tls_certificate '%s', tls_key '%s': ",
					  config->certificate, config->key)
			   : rc;
	}
	if (key != NULL) {
		explicit_bzero(key, strlen(key));
	}
	return watch(a, http_fd(a->tcp), err);
}

static int open_local(struct admin *a, struct error *err) {
	const struct admin_config *config = &a->config;
	bool grouped = true;
	int fd = listen_local(config->socket, config->socket_group, &server_of(a)->file,
			      &grouped, err);
	if (fd < 0) {
		return fd;
	}
	if (!grouped) {
		admin_log(a, LOG_WARNING,
			  "'%s' could not be given to the group '%s': its members cannot "
			  "connect; run dalabad as a member of it",
			  config->socket, config->socket_group);
	}
	struct http_config http = {.admin = a, .fd = fd, .local = true};
	int rc = http_new(&http, &a->local, err);
	return rc < 0 ? rc : watch(a, http_fd(a->local), err);
}

int admin_new(const struct admin_config *config, struct admin **ret, struct error *err) {
	struct server *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return error_set(err, ENOMEM, "no memory for the API");
	}
	AUTO(admin_free) struct admin *a = &s->admin;
	a->config = *config;
	a->refs = 1;
	a->sweep_at_us = admin_monotonic_us() + HOUR_US;
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->epoll_fd < 0 || a->wake_fd < 0) {
		return error_set(err, errno, "cannot watch the API: %s", strerror(errno));
	}
	int rc = watch(a, a->wake_fd, err);
	rc = rc < 0 ? rc : events_new(a, &a->events, err);
	if (rc >= 0 && config->socket[0] != '\0') {
		rc = open_local(a, err);
	}
	if (rc >= 0 && config->listen[0] != '\0') {
		rc = open_tcp(a, err);
	}
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(a);
	return 0;
}

void admin_free(struct admin *a) {
	if (a == NULL) {
		return;
	}
	/* New callers are to find no socket rather than a deaf one. */
	listen_forget(&server_of(a)->file);
	struct http *tcp = MOVE(a->tcp);
	struct http *local = MOVE(a->local);
	http_free(tcp);
	http_free(local);
	events_free(MOVE(a->events));
	fd_close(MOVE_FD(a->wake_fd));
	fd_close(MOVE_FD(a->epoll_fd));
	admin_unref(a);
}

int admin_fd(const struct admin *a) {
	return a->epoll_fd;
}

static int64_t sooner(int64_t a_us, int64_t b_us) {
	return a_us < 0 ? b_us : b_us < 0 ? a_us : a_us < b_us ? a_us : b_us;
}

int64_t admin_timeout_us(const struct admin *a) {
	int64_t now_us = admin_monotonic_us();
	int64_t wait_us = a->sweep_at_us > now_us ? a->sweep_at_us - now_us : 0;
	wait_us = sooner(wait_us, events_timeout_us(a->events, now_us));
	if (a->tcp != NULL) {
		wait_us = sooner(wait_us, http_timeout_us(a->tcp, now_us));
	}
	if (a->local != NULL) {
		wait_us = sooner(wait_us, http_timeout_us(a->local, now_us));
	}
	return wait_us;
}

static void sweep(struct admin *a) {
	struct admin_clock clock = {0};
	struct error err = {0};
	a->config.ops->clock(a->config.ctx, &clock);
	if (store_answer_sweep(a->config.store, clock.now_us - ANSWER_LIFE_US, &err) <
	    0) {
		admin_log(a, LOG_WARNING, "old answers could not be swept out: %s",
			  err.text);
	}
}

void admin_work(struct admin *a) {
	int64_t now_us = admin_monotonic_us();
	eventfd_t count = 0;
	(void)!eventfd_read(a->wake_fd, &count);
	if (a->sweep_at_us <= now_us) {
		a->sweep_at_us = now_us + HOUR_US;
		sweep(a);
	}
	events_work(a->events, now_us);
	if (a->local != NULL) {
		http_work(a->local, now_us);
	}
	if (a->tcp != NULL) {
		http_work(a->tcp, now_us);
	}
}

void admin_publish_run(struct admin *a, int64_t run) {
	events_run(a->events, run);
}

void admin_publish_status(struct admin *a, int64_t zone) {
	events_status(a->events, zone);
}

void admin_publish_alert(struct admin *a, const struct alert *alert) {
	events_alert(a->events, alert);
}

void admin_publish_fault(struct admin *a, const struct admin_fault *fault, bool over) {
	events_fault(a->events, fault, over);
}
