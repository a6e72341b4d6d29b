/* dalabactl_client.h - asks the daemon over its Unix socket or over TCP (libcurl).
 * Owner: main of dalabactl. Threads: one. Blocks: until the answer is there. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

struct client;

struct client_options {
	const char *socket; /* path of the daemon's socket; NULL where url is given */
	const char *url;    /* "http://box:8080"; NULL for the socket */
	const char *token;  /* for url; NULL for none */
};

/* The options are borrowed for the client's life. */
int client_new(const struct client_options *options, struct client **ret,
	       struct error *err);
void client_free(struct client *c); /* NULL is fine */
DEFINE_AUTO(struct client *, client_free)

struct reply {
	int status;   /* of HTTP, 2xx */
	char *body;   /* ended by NUL, never NULL */
	json_t *json; /* NULL where the body is empty */
};
void reply_done(struct reply *reply);
static inline void reply_done_auto(struct reply *reply) {
	reply_done(reply);
}

/* Paths are below /api/v1 and begin with "/". Errors: -ENOTCONN no daemon answers there;
 * -EREMOTEIO it refused, the text is the detail of its problem (RFC 9457), err->field the
 * request's field; -EPROTO what answers is not a dalaba. */
int client_call(struct client *c, const char *method, const char *path,
		const json_t *body, struct reply *ret, struct error *err);
/* GETs what is not JSON, as it is. */
int client_fetch(struct client *c, const char *path, struct reply *ret,
		 struct error *err);
/* POSTs the bytes of a file. -ENOENT, -EACCES, ...: it cannot be read. */
int client_upload(struct client *c, const char *path, const char *name, struct reply *ret,
		  struct error *err);
/* POSTs n bytes. */
int client_send(struct client *c, const char *path, const void *bytes, size_t n,
		struct reply *ret, struct error *err);
/* GETs a list page by page until it ends or `max` items are there (0: no bound). path
 * may have a query. *ret is {"items": [...], "next": null, or where it was cut the
 * cursor}; the caller's (json_decref). */
int client_list(struct client *c, const char *path, size_t max, json_t **ret,
		struct error *err);

/* Percent-encoded for a path or a query; release with free(). NULL: no memory. */
char *client_escape(struct client *c, const char *text);

/* A member's text or number; "" or 0 where it is missing, null or of another type. */
const char *json_text(const json_t *object, const char *name);
int64_t json_number(const json_t *object, const char *name);
DEFINE_AUTO(json_t *, json_decref)
