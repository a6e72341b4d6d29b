/* http.h - HTTP/1.1 on a listening socket, by libmicrohttpd without threads of its own.
 * Owner: server.c. Threads: the core thread alone. Never blocks but in the handlers. */
#pragma once

#include "admin_internal.h"

struct http_config {
	struct admin *admin;
	int fd;     /* listens; taken, even on failure */
	bool local; /* a Unix socket: callers by peer credentials, no limit per peer */
	const char *certificate; /* PEM, the text itself; NULL for plain HTTP */
	const char *key;
};

int http_new(const struct http_config *config, struct http **ret, struct error *err);
/* Answers what waits with 503, and closes every connection. NULL is fine. */
void http_free(struct http *h);
DEFINE_AUTO(struct http *, http_free)
int http_fd(const struct http *h);
/* -1: no limit. */
int64_t http_timeout_us(const struct http *h, int64_t now_us);
void http_work(struct http *h, int64_t now_us);
