/* dispatch.c - see dispatch.h. */
#include "dispatch.h"

#include "base/str.h"
#include "fields.h"
#include "idempotency.h"
#include "routes.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define SECOND_US INT64_C(1000000)
#define JSON_LIMIT_US (30 * SECOND_US)
#define RAW_LIMIT_US (600 * SECOND_US)
#define DEPTH_MAX 32

/* ------------------------------------------------------------------------------ head */

static enum method method_of(const char *name) {
	static const struct {
		const char *name;
		enum method method;
	} methods[] = {
		{"GET", METHOD_GET},     {"HEAD", METHOD_GET},      {"POST", METHOD_POST},
		{"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
	};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) == 0) {
			return methods[i].method;
		}
	}
	return METHOD_OTHER;
}

static void refuse_caller(struct request *r, const struct error *err) {
	if (err->code == EACCES) {
		reply_problem(r, 401, NULL, "%s", err->text);
	} else if (err->code == EPERM) {
		reply_problem(r, 403, NULL, "%s", err->text);
	} else {
		reply_error(r, err);
	}
}

/* Finds the handler and who asks; the address of a call is told to callers alone. */
static bool admit(struct request *r, const char *method) {
	struct route_match match = {0};
	r->method = method_of(method);
	int rc = routes_find(r->method, r->path, &match);
	if (rc < 0 || (match.route->flags & ROUTE_OPEN) == 0) {
		struct error err = {0};
		if (r->transport->identify(r->carrier, &r->caller, &err) < 0) {
			refuse_caller(r, &err);
			return false;
		}
	}
	if (rc == -ENOENT) {
		reply_problem(r, 404, NULL, "there is no such address here");
		return false;
	}
	if (rc < 0) {
		reply_not_allowed(r, match.allow);
		return false;
	}
	r->route = match.route;
	r->id = match.id;
	memcpy(r->clip, match.clip, sizeof(r->clip));
	memcpy(r->name, match.name, sizeof(r->name));
	return true;
}

static bool query_known(struct request *r) {
	const char *names = r->route->query != NULL ? r->route->query : "";
	for (size_t i = 0; i < r->n_query; i++) {
		const char *name = r->query[i].name;
		size_t len = strlen(name);
		bool found = false;
		for (const char *at = names; *at != '\0' && !found;) {
			size_t n = strcspn(at, " ");
			found = n == len && memcmp(at, name, n) == 0;
			at += n + strspn(at + n, " ");
		}
		if (!found) {
			char shown[ERROR_FIELD_SIZE];
			str_copy(shown, sizeof(shown), name);
			reply_problem(r, 422, shown,
				      "\"%s\" is not a parameter of this address; its "
				      "parameters are: %s",
				      shown, names[0] != '\0' ? names : "none");
			return false;
		}
	}
	return true;
}

/* True where the media type is `type`, whatever its parameters. */
static bool is_type(const char *header, const char *type) {
	size_t len = strlen(type);
	return strncasecmp(header, type, len) == 0 &&
	       (header[len] == '\0' || header[len] == ';' || header[len] == ' ');
}

static bool type_fits(struct request *r, int64_t length) {
	const char *type = request_header(r, "Content-Type");
	const char *coding = request_header(r, "Content-Encoding");
	if (coding != NULL && strcasecmp(coding, "identity") != 0) {
		reply_problem(r, 415, NULL, "send the body without a Content-Encoding");
		return false;
	}
	enum body_kind kind = r->route->body;
	if ((kind == BODY_RAW || kind == BODY_CHUNK) && type != NULL &&
	    is_type(type, "multipart/form-data")) {
		reply_problem(r, 415, NULL,
			      "send the bytes of the file themselves, not a form: curl "
			      "--data-binary @FILE");
		return false;
	}
	bool json = type != NULL && (is_type(type, "application/json") ||
				     (r->method == METHOD_PATCH &&
				      is_type(type, "application/merge-patch+json")));
	if ((kind == BODY_JSON || kind == BODY_JSON_OPTIONAL) && length != 0 && !json) {
		reply_problem(
			r, 415, NULL,
			"this call takes JSON: send Content-Type: application/json");
		return false;
	}
	return true;
}

static int64_t body_max(const struct request *r) {
	return r->route->body == BODY_NONE    ? 0
	       : r->route->body == BODY_RAW   ? RAW_BODY_MAX
	       : r->route->body == BODY_CHUNK ? ADMIN_CHUNK_BYTES_MAX
					      : JSON_BODY_MAX;
}

static void refuse_size(struct request *r) {
	if (r->route->body == BODY_NONE) {
		reply_problem(r, 400, NULL, "this call takes no body");
	} else if (r->route->body == BODY_RAW) {
		reply_problem(r, 413, NULL, "an upload has at most %d MB",
			      (int)(RAW_BODY_MAX / (1000 * 1000)));
	} else if (r->route->body == BODY_CHUNK) {
		reply_problem(r, 413, NULL,
			      "a piece has at most %d bytes: 100 ms at 48 kHz",
			      ADMIN_CHUNK_BYTES_MAX);
	} else {
		reply_problem(r, 413, NULL, "a JSON body has at most 1 MB");
	}
}

void dispatch_head(struct request *r, const char *method, int64_t length) {
	assert(r->stage == STAGE_HEAD);
	struct error err = {0};
	if (!admit(r, method) || !query_known(r)) {
		return;
	}
	if (length > body_max(r)) {
		refuse_size(r);
		return;
	}
	if (!type_fits(r, length)) {
		return;
	}
	if (idempotency_take_key(r, &err) < 0) {
		int status = err.code == EINVAL ? 400 : 500;
		reply_problem(r, status, err.field, "%s", err.text);
		return;
	}
	if (r->route->body == BODY_RAW) {
		const struct admin_config *config = &r->admin->config;
		int fd = config->ops->clip_spool(config->ctx, &err);
		if (fd < 0) {
			reply_error(r, &err);
			return;
		}
		r->fd = fd;
	}
	r->stage = STAGE_BODY;
}

void dispatch_refuse(struct request *r, const struct error *err) {
	int status = err->code == EINVAL ? 400 : err->code == E2BIG ? 414 : 500;
	reply_problem(r, status, NULL, "%s", err->text);
}

int64_t dispatch_limit_us(const struct request *r) {
	return r->route != NULL && r->route->body == BODY_RAW ? RAW_LIMIT_US
							      : JSON_LIMIT_US;
}

/* ------------------------------------------------------------------------------ body */

static void spool(struct request *r, const char *bytes, size_t n) {
	while (n > 0) {
		ssize_t done = write(r->fd, bytes, n);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			struct error err;
			error_set(&err, errno, "%s: %s",
				  errno == ENOSPC || errno == EDQUOT
					  ? "the disk is full, the upload cannot be kept"
					  : "the upload cannot be kept",
				  strerror(errno));
			reply_error(r, &err);
			return;
		}
		bytes += done;
		n -= (size_t)done;
	}
}

static void collect(struct request *r, const char *bytes, size_t n) {
	size_t used = (size_t)r->received - n;
	if (used + n > r->text_size) {
		size_t size = r->text_size * 2 > used + n ? r->text_size * 2 : used + n;
		char *text = realloc(r->text, size);
		if (text == NULL) {
			reply_problem(r, 503, NULL, "no memory for the body");
			return;
		}
		r->text = text;
		r->text_size = size;
	}
	memcpy(r->text + used, bytes, n);
}

void dispatch_body(struct request *r, const char *bytes, size_t n) {
	assert(r->stage == STAGE_BODY);
	r->received += (int64_t)n;
	if (r->received > body_max(r)) {
		refuse_size(r);
		return;
	}
	if (r->hash != NULL) {
		hash_add(r->hash, bytes, n);
	}
	if (r->fd >= 0) {
		spool(r, bytes, n);
	} else {
		collect(r, bytes, n);
	}
}

/* ------------------------------------------------------------------------------- end */

/* Deeper than anything asked for here is a mistake or an attack. */
static bool shallow(const json_t *value, int depth) {
	if (depth == 0) {
		return !json_is_object(value) && !json_is_array(value);
	}
	const char *key = NULL;
	json_t *item = NULL;
	size_t i = 0;
	if (json_is_object(value)) {
		json_object_foreach((json_t *)(uintptr_t)value, key, item) {
			if (!shallow(item, depth - 1)) {
				return false;
			}
		}
	}
	json_array_foreach(value, i, item) {
		if (!shallow(item, depth - 1)) {
			return false;
		}
	}
	return true;
}

static bool read_json(struct request *r) {
	if (r->received == 0 && r->route->body == BODY_JSON_OPTIONAL) {
		r->body = json_object();
		if (r->body == NULL) {
			reply_json(r, 500, NULL);
		}
		return r->body != NULL;
	}
	if (r->received == 0) {
		reply_problem(r, 400, NULL, "a JSON object is missing in the body");
		return false;
	}
	json_error_t why;
	r->body = json_loadb(r->text, (size_t)r->received, JSON_REJECT_DUPLICATES, &why);
	if (r->body == NULL) {
		reply_problem(r, 400, NULL,
			      "the body is not JSON: %s (line %d, column %d)", why.text,
			      why.line, why.column);
		return false;
	}
	if (!json_is_object(r->body)) {
		reply_problem(r, 400, NULL, "the body must be a JSON object: {...}");
		return false;
	}
	if (!shallow(r->body, DEPTH_MAX)) {
		reply_problem(r, 400, NULL, "the body is nested more than %d deep",
			      DEPTH_MAX);
		return false;
	}
	return true;
}

static bool rewind_upload(struct request *r) {
	if (r->received == 0) {
		reply_problem(r, 400, NULL,
			      "the body is empty; send the bytes of a file");
		return false;
	}
	if (lseek(r->fd, 0, SEEK_SET) < 0) {
		struct error err;
		error_set(&err, errno, "the upload cannot be read: %s", strerror(errno));
		reply_error(r, &err);
		return false;
	}
	return true;
}

void dispatch_end(struct request *r) {
	assert(r->stage == STAGE_BODY);
	enum body_kind kind = r->route->body;
	if (kind == BODY_RAW && !rewind_upload(r)) {
		return;
	}
	if ((kind == BODY_JSON || kind == BODY_JSON_OPTIONAL) && !read_json(r)) {
		return;
	}
	if (kind == BODY_CHUNK && r->received == 0) {
		reply_problem(r, 400, NULL, "the body is empty; send 16-bit frames");
		return;
	}
	if (idempotency_begin(r)) {
		return;
	}
	r->stage = STAGE_HANDLED;
	r->completed = idempotency_late;
	r->route->handle(r);
	assert(r->stage == STAGE_ANSWERED || r->stage == STAGE_DEFERRED);
	idempotency_end(r);
}
