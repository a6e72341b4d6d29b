/* reply.c - the answers of request.h. The first one counts; a second is our bug. */
#include "request_internal.h"

#include "base/str.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"

static const char no_memory[] =
	"{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,"
	"\"detail\":\"the box has no memory left for the answer\"}\n";

/* The phrase of RFC 9110, section 15, for those statuses that are used here. */
static const char *phrase(int status) {
	static const struct {
		int status;
		const char *text;
	} phrases[] = {
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{410, "Gone"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{422, "Unprocessable Content"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{507, "Insufficient Storage"},
	};
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status) {
			return phrases[i].text;
		}
	}
	return "Error";
}

void reply_clear(struct request *r) {
	reply_done(&r->reply);
}

void reply_instead(struct request *r) {
	reply_clear(r);
}

static void begin(struct request *r, int status, const char *type) {
	assert(r->reply.status == 0 && r->stage != STAGE_ANSWERED);
	r->reply.status = status;
	r->reply.type = type;
}

/* Takes the body. */
static void answer(struct request *r, int status, const char *type, json_t *body) {
	begin(r, status, type);
	char *text = body != NULL
			     ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15))
			     : NULL;
	json_decref(body);
	size_t len = text != NULL ? strlen(text) : 0;
	char *line = text != NULL ? realloc(text, len + 2) : NULL;
	if (line != NULL) {
		memcpy(line + len, "\n", 2);
		r->reply.body = line;
		r->reply.len = len + 1;
	} else {
		free(text);
		r->reply.status = 500;
		r->reply.type = PROBLEM_TYPE;
		r->reply.body = strdup(no_memory);
		r->reply.len = r->reply.body != NULL ? strlen(no_memory) : 0;
	}
}

void reply_json(struct request *r, int status, json_t *body) {
	answer(r, status, JSON_TYPE, body);
	request_answered(r);
}

void reply_created(struct request *r, json_t *body, const char *path_format, ...) {
	AUTO(str_done) struct str location = STR_INIT;
	AUTO(free) char *path = NULL;
	va_list args;
	va_start(args, path_format);
	int n = vasprintf(&path, path_format, args);
	va_end(args);
	if (n < 0) {
		path = NULL;
	}
	if (path == NULL || str_printf(&location, API_PREFIX "%s", path) < 0) {
		json_decref(body);
		body = NULL;
	}
	answer(r, 201, JSON_TYPE, body);
	if (r->reply.status == 201) {
		r->reply.location = MOVE(location.data);
	}
	request_answered(r);
}

void reply_empty(struct request *r) {
	begin(r, 204, NULL);
	request_answered(r);
}

void reply_text(struct request *r, const char *type, struct str *text) {
	if (text->data == NULL) {
		answer(r, 200, type, NULL); /* without memory, 500 */
	} else {
		begin(r, 200, type);
		r->reply.len = text->len;
		r->reply.body = MOVE(text->data);
	}
	request_answered(r);
}

void reply_stream(struct request *r, const char *type, struct stream stream) {
	begin(r, 200, type);
	r->reply.stream = stream;
	request_answered(r);
}

void reply_again(struct request *r, const struct answer *stored) {
	bool body = stored->body != NULL && stored->body[0] != '\0';
	begin(r, stored->status,
	      !body                   ? NULL
	      : stored->status >= 400 ? PROBLEM_TYPE
				      : JSON_TYPE);
	r->reply.body = body ? strdup(stored->body) : NULL;
	r->reply.location = stored->location != NULL ? strdup(stored->location) : NULL;
	if ((body && r->reply.body == NULL) ||
	    (stored->location != NULL && r->reply.location == NULL)) {
		reply_clear(r);
		answer(r, 500, PROBLEM_TYPE, NULL);
	} else {
		r->reply.len = body ? strlen(stored->body) : 0;
	}
	request_answered(r);
}

/* -------------------------------------------------------------------------- problems */

/* Words of a decoder or a driver may be in any encoding; JSON takes UTF-8 alone. */
static void make_utf8(char *text) {
	if (!utf8_valid(text, strlen(text))) {
		for (char *c = text; *c != '\0'; c++) {
			*c = (unsigned char)*c < 0x80 ? *c : '?';
		}
	}
}

static void problem(struct request *r, int status, const char *field,
		    const char *detail) {
	char words[ERROR_TEXT_SIZE * 2];
	char name[ERROR_FIELD_SIZE];
	str_copy(words, sizeof(words), detail);
	str_copy(name, sizeof(name), field != NULL ? field : "");
	make_utf8(words);
	make_utf8(name);
	json_t *body = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
				 phrase(status), "status", status, "detail", words);
	if (body != NULL && name[0] != '\0' &&
	    json_object_set_new(body, "field", json_string(name)) < 0) {
		json_decref(body);
		body = NULL;
	}
	answer(r, status, PROBLEM_TYPE, body);
}

void reply_problem(struct request *r, int status, const char *field, const char *format,
		   ...) {
	char detail[ERROR_TEXT_SIZE * 2];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	problem(r, status, field, detail);
	request_answered(r);
}

void reply_not_allowed(struct request *r, const char *allow) {
	char detail[160];
	snprintf(detail, sizeof(detail), "this address answers to %s alone", allow);
	problem(r, 405, NULL, detail);
	str_copy(r->reply.allow, sizeof(r->reply.allow), allow);
	request_answered(r);
}

static int status_of(const struct error *err) {
	switch (err->code) {
	case ENOENT:
		return err->field[0] != '\0' ? 422 : 404;
	case EINVAL:
	case ERANGE:
	case E2BIG:
	case EFBIG:
		return 422;
	case EEXIST:
	case EBUSY:
	case EPERM:
	case EALREADY:
		return 409;
	case ENOSPC:
		return 507;
	case ETIMEDOUT:
	case ENODEV:
	case EAGAIN:
	case ECANCELED:
		return 503;
	default:
		return 500;
	}
}

void reply_error(struct request *r, const struct error *err) {
	int status = status_of(err);
	if (status == 500) {
		admin_log(r->admin, LOG_ERR, "%s: %s", r->path != NULL ? r->path : "",
			  err->text);
	}
	problem(r, status, err->field, err->text);
	request_answered(r);
}

/* ----------------------------------------------------------------------------- files */

/* A list of entity tags or "*" (RFC 9110, section 13.1.2), compared weakly. */
static bool names_tag(const char *list, const char *etag) {
	if (strcmp(list, "*") == 0) {
		return true;
	}
	size_t len = strlen(etag);
	for (const char *at = strstr(list, etag); at != NULL; at = strstr(at + 1, etag)) {
		char after = at[len];
		if (after == '\0' || after == ',' || after == ' ') {
			return true;
		}
	}
	return false;
}

/* One range of bytes (RFC 9110, section 14.1.2). 1 with *first and *last set, 0 where the
 * header is to be ignored (another unit, several ranges, not understood), -ERANGE where
 * nothing of it is there. */
static int parse_range(const char *text, int64_t size, int64_t *first, int64_t *last) {
	static const char unit[] = "bytes=";
	if (strncasecmp(text, unit, strlen(unit)) != 0) {
		return 0;
	}
	text += strlen(unit);
	const char *dash = strchr(text, '-');
	if (dash == NULL || strlen(text) > 40) {
		return 0;
	}
	char from[48];
	snprintf(from, sizeof(from), "%.*s", (int)(dash - text), text);
	int64_t a = -1;
	int64_t b = -1;
	if ((from[0] != '\0' && parse_int64(from, 0, INT64_MAX, &a) < 0) ||
	    (dash[1] != '\0' && parse_int64(dash + 1, 0, INT64_MAX, &b) < 0) ||
	    (a < 0 && b < 0) || (a >= 0 && b >= 0 && b < a)) {
		return 0;
	}
	if (a >= size || (a < 0 && b == 0) || size == 0) {
		return -ERANGE;
	}
	*first = a >= 0 ? a : (b < size ? size - b : 0);
	*last = a >= 0 && b >= 0 && b < size ? b : size - 1;
	return 1;
}

/* Where only a part is asked for; true where it was answered with a fault. */
static bool cut_range(struct request *r, int64_t size) {
	const char *range = request_header(r, "Range");
	const char *if_range = request_header(r, "If-Range");
	if (range == NULL || (if_range != NULL && strcmp(if_range, r->reply.etag) != 0)) {
		return false;
	}
	int64_t first = 0;
	int64_t last = 0;
	int rc = parse_range(range, size, &first, &last);
	if (rc > 0) {
		r->reply.status = 206;
		r->reply.offset = first;
		r->reply.len = (size_t)(last - first + 1);
		snprintf(r->reply.range, sizeof(r->reply.range), "bytes %lld-%lld/%lld",
			 (long long)first, (long long)last, (long long)size);
	}
	if (rc < 0) {
		reply_clear(r);
		problem(r, 416, NULL, "the file ends before the first byte asked for");
		snprintf(r->reply.range, sizeof(r->reply.range), "bytes */%lld",
			 (long long)size);
	}
	return rc < 0;
}

void reply_file(struct request *r, const char *path, const char *type, const char *etag) {
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		struct error err;
		error_set(&err, errno, "'%s' cannot be read: %s", path, strerror(errno));
		if (err.code == ENOENT) {
			err.code = EIO; /* the row is there and its file is not */
		}
		reply_error(r, &err);
		return;
	}
	begin(r, 200, type);
	snprintf(r->reply.etag, sizeof(r->reply.etag), "\"%s\"", etag);
	r->reply.ranges = true;
	const char *none_match = request_header(r, "If-None-Match");
	if (none_match != NULL && names_tag(none_match, r->reply.etag)) {
		r->reply.status = 304;
		r->reply.type = NULL;
	} else {
		r->reply.len = (size_t)st.st_size;
		if (!cut_range(r, st.st_size)) {
			r->reply.fd = MOVE_FD(fd);
		}
	}
	request_answered(r);
}
