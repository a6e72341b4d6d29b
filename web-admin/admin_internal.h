/* admin_internal.h - what the files of this floor share of struct admin.
 * Owner: main, by admin_new and admin_free; a call that outlives admin_free (its answer
 * is still being made elsewhere) keeps the memory until it is answered. Threads: the core
 * thread alone. */
#pragma once

#include "admin.h"

#define API_PREFIX "/api/v1"

#define JSON_BODY_MAX (1024 * 1024)
#define RAW_BODY_MAX (INT64_C(200) * 1000 * 1000) /* as much as ingest takes */

struct events;
struct http;
struct request;

struct admin {
	struct admin_config config;
	size_t refs;              /* one, and one for every request */
	struct http *tcp;         /* NULL where not configured */
	struct http *local;       /* the Unix socket */
	struct events *events;    /* NULL once admin_free has begun */
	struct request *requests; /* all that are not answered to their end */
	int epoll_fd;
	int wake_fd;
	int64_t sweep_at_us; /* old answers, by the monotonic clock */
};

void admin_ref(struct admin *a);
void admin_unref(struct admin *a);
/* Lets the loop call admin_work soon. */
void admin_wake(struct admin *a);
void admin_log(struct admin *a, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* CLOCK_MONOTONIC, for time-outs. */
int64_t admin_monotonic_us(void);
