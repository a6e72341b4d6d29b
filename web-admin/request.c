/* request.c - see request.h and request_internal.h: what a request is made of, and how
 * long it lives. */
#include "request_internal.h"

#include "base/str.h"
#include "fields.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

/* ---------------------------------------------------------------------- the target */

static int hex_digit(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Undoes percent-encoding (RFC 3986, section 2.1). The result is UTF-8 without control
 * characters, or nothing. A slash that was encoded is refused in a path: it would change
 * which call is meant. */
static int decode(const char *from, size_t len, bool query, char **ret,
		  struct error *err) {
	AUTO(free) char *text = malloc(len + 1);
	if (text == NULL) {
		return error_set(err, ENOMEM, "no memory for the address");
	}
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = from[i];
		if (c == '%') {
			int high = i + 1 < len ? hex_digit(from[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(from[i + 2]) : -1;
			if (high < 0 || low < 0) {
				return error_set(err, EINVAL,
						 "the address has a %% without two hex "
						 "digits behind it");
			}
			c = (char)(high * 16 + low);
			i += 2;
			if (c == '/' && !query) {
				return error_set(err, EINVAL,
						 "the path has an encoded slash");
			}
		} else if (c == '+' && query) {
			c = ' ';
		}
		if ((unsigned char)c < 0x20 || c == 0x7f) {
			return error_set(err, EINVAL,
					 "the address has a control character");
		}
		text[n++] = c;
	}
	text[n] = '\0';
	if (!utf8_valid(text, n)) {
		return error_set(err, EINVAL, "the address is not UTF-8");
	}
	*ret = MOVE(text);
	return 0;
}

static int query_add(struct request *r, const char *text, size_t len, struct error *err) {
	if (r->n_query == QUERY_MAX) {
		return error_set(err, EINVAL, "the address has more than %d parameters",
				 QUERY_MAX);
	}
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
	struct query_value *q = &r->query[r->n_query];
	int rc = decode(text, name_len, true, &q->name, err);
	if (rc < 0) {
		return rc;
	}
	r->n_query++;
	rc = equals != NULL ? decode(equals + 1, len - name_len - 1, true, &q->value, err)
			    : decode("", 0, true, &q->value, err);
	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i + 1 < r->n_query; i++) {
		if (strcmp(r->query[i].name, q->name) == 0) {
			return error_set_field(err, EINVAL, "query",
					       "the address gives a parameter twice");
		}
	}
	return 0;
}

static int parse_target(struct request *r, struct error *err) {
	const char *path = r->target;
	if (strlen(path) > TARGET_MAX) {
		return error_set(err, E2BIG, "the address has more than %d bytes",
				 TARGET_MAX);
	}
	/* The absolute form must be taken as well (RFC 9112, section 3.2.2). */
	if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0) {
		path = strchr(strstr(path, "//") + 2, '/');
	}
	if (path == NULL || path[0] != '/') {
		return error_set(err, EINVAL, "the address does not begin with a slash");
	}
	size_t len = strcspn(path, "?");
	int rc = decode(path, len, false, &r->path, err);
	const char *at = path[len] == '?' ? path + len + 1 : path + len;
	while (rc == 0 && at[0] != '\0') {
		size_t n = strcspn(at, "&");
		if (n > 0) {
			rc = query_add(r, at, n, err);
		}
		at += n + (at[n] == '&');
	}
	return rc;
}

/* ------------------------------------------------------------------------- its life */

int request_new(struct admin *a, const char *target, const struct transport *transport,
		void *carrier, struct request **ret, struct error *err) {
	struct request *r = calloc(1, sizeof(*r));
	if (r == NULL || (r->target = strdup(target)) == NULL) {
		free(r);
		return error_set(err, ENOMEM, "no memory for a request");
	}
	r->admin = a;
	r->transport = transport;
	r->carrier = carrier;
	r->fd = -1;
	r->reply.fd = -1;
	r->next = a->requests;
	a->requests = r;
	admin_ref(a);
	*ret = r;
	return parse_target(r, err);
}

void reply_done(struct reply *reply) {
	free(reply->body);
	free(reply->location);
	fd_close(reply->fd);
	if (reply->stream.read != NULL) {
		reply->stream.done(reply->stream.arg);
	}
	*reply = (struct reply){.fd = -1};
}

static void request_free(struct request *r) {
	struct request **at = &r->admin->requests;
	while (*at != r) {
		at = &(*at)->next;
	}
	*at = r->next;
	reply_done(&r->reply);
	for (size_t i = 0; i < r->n_query; i++) {
		free(r->query[i].name);
		free(r->query[i].value);
	}
	free(r->target);
	free(r->path);
	free(r->key);
	hash_free(r->hash);
	free(r->text);
	json_decref(r->body);
	fd_close(r->fd);
	ids_done(&r->pushed);
	admin_unref(r->admin);
	free(r);
}

void request_release(struct request *r) {
	if (r == NULL) {
		return;
	}
	r->carrier = NULL;
	if (r->stage != STAGE_DEFERRED) {
		request_free(r);
	}
}

void request_answered(struct request *r) {
	bool deferred = r->stage == STAGE_DEFERRED;
	r->stage = STAGE_ANSWERED;
	if (!deferred) {
		return;
	}
	if (r->completed != NULL) {
		r->completed(r);
	}
	if (r->carrier != NULL) {
		r->transport->answered(r->carrier);
	} else {
		request_free(r);
	}
}

void request_defer(struct request *r) {
	assert(r->stage == STAGE_HANDLED);
	r->stage = STAGE_DEFERRED;
}

void request_hold(struct request *r) {
	assert(r->stage == STAGE_ANSWERED);
	r->stage = STAGE_DEFERRED;
}

void request_stream_wake(struct request *r) {
	if (r->carrier != NULL) {
		r->transport->wake(r->carrier);
	}
}

void request_stream_cut(struct request *r) {
	if (r->carrier != NULL) {
		r->transport->cut(r->carrier);
	}
}

/* ------------------------------------------------------------------- what it says */

const struct admin_config *request_config(const struct request *r) {
	return &r->admin->config;
}

struct admin *request_admin(const struct request *r) {
	return r->admin;
}

enum method request_method(const struct request *r) {
	return r->method;
}

int64_t request_id(const struct request *r) {
	return r->id;
}

const char *request_clip(const struct request *r) {
	return r->clip;
}

const char *request_name(const struct request *r) {
	return r->name;
}

const char *request_who(const struct request *r) {
	return r->caller.who;
}

int64_t request_now_us(const struct request *r) {
	struct admin_clock clock = {0};
	r->admin->config.ops->clock(r->admin->config.ctx, &clock);
	return clock.now_us;
}

const json_t *request_body(const struct request *r) {
	return r->body;
}

const void *request_bytes(const struct request *r, size_t *n) {
	*n = (size_t)r->received;
	return r->text;
}

int request_take_fd(struct request *r) {
	return MOVE_FD(r->fd);
}

const char *request_header(const struct request *r, const char *name) {
	return r->carrier != NULL ? r->transport->header(r->carrier, name) : NULL;
}

const char *request_query(const struct request *r, const char *name) {
	for (size_t i = 0; i < r->n_query; i++) {
		if (strcmp(r->query[i].name, name) == 0) {
			return r->query[i].value;
		}
	}
	return NULL;
}

int request_query_int(const struct request *r, const char *name, int64_t min, int64_t max,
		      int64_t *ret, struct error *err) {
	const char *text = request_query(r, name);
	if (text == NULL) {
		return 0;
	}
	if (parse_int64(text, min, max, ret) < 0) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must be a whole number, %lld to %lld",
				       name, (long long)min, (long long)max);
	}
	return 1;
}

int request_query_time(const struct request *r, const char *name, int64_t *ret_us,
		       struct error *err) {
	const char *text = request_query(r, name);
	if (text == NULL) {
		return 0;
	}
	struct error why = {0};
	int rc = rfc3339_parse(text, ret_us, &why);
	/* "+08:00" reads as " 08:00" where the plus was not encoded. */
	if (rc < 0 && strchr(text, ' ') != NULL) {
		return error_set_field(err, -rc, name,
				       "\"%s\": %s (a + of the address is written %%2B)",
				       name, why.text);
	}
	return rc < 0 ? error_set_field(err, -rc, name, "\"%s\": %s", name, why.text) : 1;
}

/* ------------------------------------------------------------------ what it changes */

int request_begin(struct request *r, struct error *err) {
	return r->joined ? 0 : store_begin(r->admin->config.store, err);
}

int request_commit(struct request *r, struct error *err) {
	return r->joined ? 0 : store_commit(r->admin->config.store, err);
}

void request_rollback(struct request *r) {
	store_rollback(r->admin->config.store);
	r->joined = false;
	r->n_changes = 0;
}

void request_changed(struct request *r, enum admin_table table, int64_t id) {
	if (!r->joined) {
		r->admin->config.ops->changed(r->admin->config.ctx, table, id);
		return;
	}
	assert(r->n_changes < CHANGES_MAX);
	r->changes[r->n_changes++] = (struct change){table, id};
}

void request_alerted(struct request *r, int64_t alert, void (*again)(struct request *r)) {
	r->alert = alert;
	r->again = again;
}

void request_pushed(struct request *r, int64_t run) {
	if (r->joined && ids_add(&r->pushed, run) < 0) {
		admin_log(r->admin, LOG_WARNING,
			  "no memory to remember run %lld: it would sound even where the "
			  "disk refuses its record",
			  (long long)run);
	}
}
