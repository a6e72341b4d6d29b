/* request_internal.h - the inside of struct request, for those who make, route and send
 * one; handlers see request.h. Owner: http.c from the first line of the request to the
 * last byte of the answer, or the handler where it answers later than the caller waits.
 * Threads: the core thread alone. */
#pragma once

#include "admin_internal.h"
#include "auth.h"
#include "request.h"

#include <sys/types.h>

#define TARGET_MAX 4096
#define QUERY_MAX 16
#define CHANGES_MAX 8

struct query_value {
	char *name;
	char *value;
};

struct change {
	enum admin_table table;
	int64_t id;
};

/* An answer without an end: read gives bytes, 0 where there are none now (http.c asks
 * again after request_stream_wake), -1 at the end. done is called exactly once. */
struct stream {
	ssize_t (*read)(void *arg, char *buffer, size_t size);
	void (*done)(void *arg);
	void *arg;
};

/* What goes out; status 0 while there is none. */
struct reply {
	int status;
	const char *type; /* NULL: no body */
	char *body;
	size_t len;
	char *location;
	char allow[64];
	char etag[96];
	char range[96]; /* Content-Range */
	bool ranges;    /* Accept-Ranges: bytes */
	bool close;
	int fd; /* -1, or a file of which len bytes from offset are the body */
	int64_t offset;
	struct stream stream; /* read NULL where it is none */
};

/* What carries a request; the functions of http.c, or of a test. */
struct transport {
	/* The value of a header, NULL where absent; stays as long as the request. */
	const char *(*header)(void *carrier, const char *name);
	int (*identify)(void *carrier, struct caller *ret, struct error *err);
	void (*answered)(void *carrier); /* a deferred answer is there */
	void (*wake)(void *carrier);     /* a stream has something */
	void (*cut)(void *carrier);      /* a stream must end at once */
};

enum stage {
	STAGE_HEAD,     /* nothing but the head is known */
	STAGE_BODY,     /* the body comes in */
	STAGE_HANDLED,  /* the handler runs */
	STAGE_DEFERRED, /* it answers later */
	STAGE_ANSWERED,
};

struct request {
	struct request *next; /* of admin->requests */
	struct admin *admin;
	const struct transport *transport;
	void *carrier; /* NULL once the caller has gone */
	enum stage stage;

	enum method method;
	char *target; /* as it came */
	char *path;   /* decoded */
	struct query_value query[QUERY_MAX];
	size_t n_query;
	const struct route *route;
	int64_t id;
	char clip[CLIP_ID_SIZE];
	char name[ROUTE_NAME_SIZE];
	struct caller caller;
	char *key; /* of Idempotency, NULL where none */
	struct hash *hash;
	char sha256[SHA256_HEX_SIZE]; /* "" until the body is complete */

	int64_t received; /* bytes of the body */
	char *text;       /* the body of BODY_JSON and BODY_CHUNK */
	size_t text_size;
	json_t *body;
	int fd; /* the upload, -1 */

	bool joined; /* within the transaction of its answer */
	struct change changes[CHANGES_MAX];
	size_t n_changes;
	struct ids pushed;
	int64_t alert; /* of request_alerted, 0: none */
	void (*again)(struct request *r);
	bool kept; /* its answer is, with its key */

	struct reply reply;
	void (*completed)(struct request *r); /* what is done with a deferred answer */
};

/* -ENOMEM; -EINVAL where the target cannot be read, with *ret set all the same so that it
 * can be answered. */
int request_new(struct admin *a, const char *target, const struct transport *transport,
		void *carrier, struct request **ret, struct error *err);
/* The caller has gone, or has its whole answer. NULL is fine. */
void request_release(struct request *r);
const char *request_header(const struct request *r, const char *name);
/* The reply has been filled; for reply.c. */
void request_answered(struct request *r);
void reply_done(struct reply *reply);

/* For streams; the carrier may have gone. */
void reply_stream(struct request *r, const char *type, struct stream stream);
void request_stream_wake(struct request *r);
void request_stream_cut(struct request *r);
/* 405 with Allow, and 401 with WWW-Authenticate. */
void reply_not_allowed(struct request *r, const char *allow);
/* A stored answer again: status, location and body as they were. */
void reply_again(struct request *r, const struct answer *stored);
/* Instead of the answer that is there. */
void reply_clear(struct request *r);
