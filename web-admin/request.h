/* request.h - one call of the API as a handler sees it, and the ways to answer it.
 * Owner: http.c, from the first byte of the request to the last of the answer; a handler
 * borrows it until it has replied. Threads: the core thread alone. Never blocks.
 *
 * A handler is called once the whole body is there, was read as the route says, and the
 * caller was recognised. It replies exactly once: at once, or later after request_defer.
 */
#pragma once

#include "admin.h"

#include <jansson.h>

struct request;
struct str;

enum method {
	METHOD_GET, /* HEAD as well: the answer loses its body on the way out */
	METHOD_POST,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OTHER, /* no route has it */
};

#define ROUTE_NAME_SIZE 401 /* of {name}: 100 characters */

/* What a route does with the body. */
enum body_kind {
	BODY_NONE,          /* any body is refused */
	BODY_JSON,          /* an object is required; at most 1 MB */
	BODY_JSON_OPTIONAL, /* no body counts as {} */
	BODY_RAW,           /* bytes into a spool file; at most 200 MB; one is required */
	BODY_CHUNK, /* bytes, at most ADMIN_CHUNK_BYTES_MAX of them; one is required */
};

enum {
	ROUTE_OPEN = 1,   /* needs no token */
	ROUTE_TOP = 2,    /* the path is whole, not below /api/v1: "/healthz" */
	ROUTE_URGENT = 8, /* goes on where its Idempotency-Key cannot be looked up */
	ROUTE_SECRET = 4, /* its answer is kept nowhere: an Idempotency-Key is ignored */
};

struct route {
	enum method method;
	const char *path; /* below /api/v1: "/zones/{id}/test"; {id} is a number above 0,
			     {clip} 64 hex digits, either case (given in lower case),
			     {name} any other text */
	enum body_kind body;
	const char *query; /* names it takes, "limit cursor"; any other is refused */
	unsigned flags;    /* ROUTE_*, mostly 0 */
	void (*handle)(struct request *r);
};

/* Tables that end with an entry without a path; each in its api_*.c. routes.c joins them.
 */
const struct route *api_alerts_routes(void);
const struct route *api_areas_routes(void);
const struct route *api_outputs_routes(void);
const struct route *api_zones_routes(void);
const struct route *api_clips_routes(void);
const struct route *api_announcements_routes(void);
const struct route *api_calendars_routes(void);
const struct route *api_live_routes(void);
const struct route *api_plan_routes(void);
const struct route *api_schedules_routes(void);
const struct route *api_overrides_routes(void);
const struct route *api_recordings_routes(void);
const struct route *api_rules_routes(void);
const struct route *api_runs_routes(void);
const struct route *api_status_routes(void);
const struct route *api_tokens_routes(void);
const struct route *api_health_routes(void);
const struct route *events_routes(void);

/* ------------------------------------------------------------------------ the request */

const struct admin_config *request_config(const struct request *r);
struct admin *request_admin(const struct request *r);
enum method request_method(const struct request *r);
int64_t request_id(const struct request *r);       /* {id} */
const char *request_clip(const struct request *r); /* {clip} */
const char *request_name(const struct request *r); /* {name} */
/* Who asks, for the records: "root" on the socket, the token's name over TCP. */
const char *request_who(const struct request *r);
int64_t request_now_us(const struct request *r); /* by the box's clock */
/* An object; borrowed. NULL where the route is BODY_NONE, BODY_RAW or BODY_CHUNK. */
const json_t *request_body(const struct request *r);
/* Of BODY_CHUNK; borrowed. */
const void *request_bytes(const struct request *r, size_t *n);
/* The complete upload, positioned at its start; the caller closes it. -1 once taken. */
int request_take_fd(struct request *r);

/* NULL where absent. */
const char *request_query(const struct request *r, const char *name);
/* Absent leaves *ret alone and returns 0; 1 where it was there; -EINVAL with the field.
 */
int request_query_int(const struct request *r, const char *name, int64_t min, int64_t max,
		      int64_t *ret, struct error *err);
int request_query_time(const struct request *r, const char *name, int64_t *ret_us,
		       struct error *err);

/* ----------------------------------------------------------------------- what it does */

/* Several changes in one transaction; store_begin and its like, but a POST that carries
 * an Idempotency-Key is one transaction already, together with its answer, and these join
 * it. A rollback takes back all that the call did before. */
int request_begin(struct request *r, struct error *err);
int request_commit(struct request *r, struct error *err);
void request_rollback(struct request *r);
/* Instead of ops->changed and after ops->push: told on, or stopped again, once it is
 * known whether the transaction stands. */
void request_changed(struct request *r, enum admin_table table, int64_t id);
void request_pushed(struct request *r, int64_t run);
/* After ops->alert or ->alert_cancel: what was done to the alert stands, whatever becomes
 * of the transaction; where its record is lost, that is told on, and `again` answers in
 * place of what was replied. */
void request_alerted(struct request *r, int64_t alert, void (*again)(struct request *r));

/* ------------------------------------------------------------------------- the answer */

/* The body is taken, whatever happens (NULL: no memory, 500). */
void reply_json(struct request *r, int status, json_t *body);
/* 201 with Location: /api/v1 + path. */
void reply_created(struct request *r, json_t *body, const char *path_format, ...)
	__attribute__((format(printf, 3, 4)));
void reply_empty(struct request *r); /* 204 */
/* 200 with a text made elsewhere, which is taken. type lives for ever. */
void reply_text(struct request *r, const char *type, struct str *text);
/* A file of the box, with ETag, Range and If-None-Match (RFC 9110). */
void reply_file(struct request *r, const char *path, const char *type, const char *etag);
/* problem+json (RFC 9457). field NULL or "" where none is at fault. */
void reply_problem(struct request *r, int status, const char *field, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));
/* The same from an error of the floors below: -ENOENT 404 (with a field: 422), -EINVAL
 * -ERANGE -E2BIG -EFBIG 422, -EEXIST -EBUSY -EPERM -EALREADY 409, -ENOSPC 507, -ETIMEDOUT
 * -ENODEV -EAGAIN -ECANCELED 503, others 500; 500 is logged. */
void reply_error(struct request *r, const struct error *err);

/* Puts the answer off: the connection sleeps until a reply_* is called. The request stays
 * valid until then, even where the caller has gone. */
void request_defer(struct request *r);
/* After a reply: it is kept with its key, in one transaction with what it tells of, but
 * sent later, in the form that a second reply then gives it (reply_instead first). */
void request_hold(struct request *r);
void reply_instead(struct request *r);
