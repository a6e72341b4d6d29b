/* dalabactl_client.c - see dalabactl_client.h. */
#include "dalabactl_client.h"

#include "base/str.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/stat.h>

#define CONNECT_TIMEOUT_MS 5000L
/* Ingest of a long recording and speech on a slow box are waited for. */
#define ANSWER_TIMEOUT_S 900L
#define PAGE_SIZE 200
/* No list of a box is longer; what comes beyond is not a dalaba. */
#define PAGES_MAX 10000

struct client {
	struct client_options options;
	CURL *curl;
	struct curl_slist *headers;
};

int client_new(const struct client_options *options, struct client **ret,
	       struct error *err) {
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		return error_set(err, ENOMEM, "cannot start libcurl");
	}
	AUTO(client_free) struct client *c = calloc(1, sizeof(*c));
	if (c == NULL || (c->curl = curl_easy_init()) == NULL) {
		return error_set(err, ENOMEM, "no memory for the connection");
	}
	c->options = *options;
	*ret = MOVE(c);
	return 0;
}

void client_free(struct client *c) {
	if (c == NULL) {
		return;
	}
	curl_slist_free_all(c->headers);
	curl_easy_cleanup(c->curl);
	free(c);
	curl_global_cleanup();
}

void reply_done(struct reply *reply) {
	free(reply->body);
	json_decref(reply->json);
	*reply = (struct reply){0};
}

const char *json_text(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "";
}

int64_t json_number(const json_t *object, const char *name) {
	return (int64_t)json_integer_value(json_object_get(object, name));
}

char *client_escape(struct client *c, const char *text) {
	char *escaped = curl_easy_escape(c->curl, text, 0);
	char *copy = escaped != NULL ? strdup(escaped) : NULL;
	curl_free(escaped);
	return copy;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg) {
	return str_append_bytes(arg, bytes, size * n) < 0 ? 0 : size * n;
}

static size_t on_upload(char *to, size_t size, size_t n, void *arg) {
	FILE *file = arg;
	size_t len = fread(to, 1, size * n, file);
	return ferror(file) ? CURL_READFUNC_ABORT : len;
}

static int add_header(struct client *c, const char *line, struct error *err) {
	struct curl_slist *more = curl_slist_append(c->headers, line);
	if (more == NULL) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	c->headers = more;
	return 0;
}

static int set_headers(struct client *c, const char *content_type, struct error *err) {
	curl_slist_free_all(c->headers);
	c->headers = NULL;
	int rc = add_header(c, "Accept: application/json", err);
	/* Without this libcurl waits a second for "100 Continue" before an upload. */
	rc = rc < 0 ? rc : add_header(c, "Expect:", err);
	rc = rc < 0 ? rc : add_header(c, content_type, err);
	if (rc >= 0 && c->options.token != NULL) {
		AUTO(str_done) struct str line = STR_INIT;
		if (str_printf(&line, "Authorization: Bearer %s", c->options.token) < 0) {
			return error_set(err, ENOMEM, "no memory for the request");
		}
		rc = add_header(c, line.data, err);
	}
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	return rc;
}

/* Forgets the request before and sets what all have in common. */
static int prepare(struct client *c, const char *path, const char *content_type,
		   struct str *body, struct error *err) {
	curl_easy_reset(c->curl);
	AUTO(str_done) struct str url = STR_INIT;
	const char *base = "http://localhost";
	if (c->options.url != NULL) {
		base = c->options.url;
	} else {
		curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->options.socket);
	}
	size_t len = strlen(base);
	while (len > 0 && base[len - 1] == '/') {
		len--;
	}
	if (str_printf(&url, "%.*s/api/v1%s", (int)len, base, path) < 0) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	curl_easy_setopt(c->curl, CURLOPT_URL, url.data);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* A box stands in the same network; a proxy for the web does not reach it. */
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, ANSWER_TIMEOUT_S);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "dalabactl/" DALABA_VERSION);
	return set_headers(c, content_type, err);
}

static int no_daemon(const struct client *c, const char *why, struct error *err) {
	if (c->options.url != NULL) {
		return error_set(err, ENOTCONN,
				 "no daemon answers at %s: %s; check the address, and "
				 "that [http] listen names it",
				 c->options.url, why);
	}
	long os_error = 0;
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os_error);
	if (os_error == EACCES || os_error == EPERM) {
		return error_set(err, ENOTCONN,
				 "may not open the daemon's socket %s: become root or a "
				 "member of group dalaba",
				 c->options.socket);
	}
	return error_set(err, ENOTCONN,
			 "no daemon answers at the socket %s: %s; start it (systemctl "
			 "start dalabad), or name its socket with --socket",
			 c->options.socket,
			 os_error != 0 ? strerror((int)os_error) : why);
}

static int transfer_failed(const struct client *c, CURLcode code, struct error *err) {
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return no_daemon(c, curl_easy_strerror(code), err);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		return error_set(err, ENOMEM, "no memory for the answer");
	default:
		return error_set(err, EPROTO, "cannot ask %s: %s",
				 c->options.url != NULL ? c->options.url
							: c->options.socket,
				 curl_easy_strerror(code));
	}
}

static int not_dalaba(const struct client *c, int status, struct error *err) {
	return error_set(
		err, EPROTO,
		"what answers at %s is not a dalaba (HTTP %d without JSON); check "
		"--url or --socket",
		c->options.url != NULL ? c->options.url : c->options.socket, status);
}

static int refused(const struct client *c, const struct reply *reply, struct error *err) {
	const char *detail = json_text(reply->json, "detail");
	if (detail[0] == '\0') {
		detail = json_text(reply->json, "title");
	}
	if (detail[0] == '\0') {
		return not_dalaba(c, reply->status, err);
	}
	const char *hint = reply->status == 401 && c->options.url != NULL
				   ? " (--token, or DALABA_TOKEN in the environment)"
				   : "";
	return error_set_field(err, EREMOTEIO, json_text(reply->json, "field"), "%s%s",
			       detail, hint);
}

/* Sends what was prepared. json: so is an answer that is no refusal. */
static int perform(struct client *c, struct str *body, bool json, struct reply *ret,
		   struct error *err) {
	CURLcode code = curl_easy_perform(c->curl);
	if (code != CURLE_OK) {
		return transfer_failed(c, code, err);
	}
	long status = 0;
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	AUTO(reply_done) struct reply reply = {.status = (int)status};
	bool refusal = status < 200 || status > 299;
	if (body->len > 0 && (json || refusal)) {
		reply.json = json_loadb(body->data, body->len, JSON_DECODE_ANY, NULL);
		if (reply.json == NULL) {
			return not_dalaba(c, reply.status, err);
		}
	}
	reply.body = body->data != NULL ? MOVE(body->data) : strdup("");
	if (reply.body == NULL) {
		return error_set(err, ENOMEM, "no memory for the answer");
	}
	if (refusal) {
		return refused(c, &reply, err);
	}
	*ret = reply;
	reply = (struct reply){0};
	return 0;
}

int client_call(struct client *c, const char *method, const char *path,
		const json_t *body, struct reply *ret, struct error *err) {
	AUTO(str_done) struct str answer = STR_INIT;
	AUTO(free) char *text = NULL;
	int rc = prepare(c, path, "Content-Type: application/json", &answer, err);
	if (rc < 0) {
		return rc;
	}
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT);
		if (text == NULL) {
			return error_set(err, ENOMEM, "no memory for the request");
		}
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
	} else if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, "");
	}
	curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	return perform(c, &answer, true, ret, err);
}

int client_fetch(struct client *c, const char *path, struct reply *ret,
		 struct error *err) {
	AUTO(str_done) struct str answer = STR_INIT;
	int rc = prepare(c, path, "Accept: */*", &answer, err);
	return rc < 0 ? rc : perform(c, &answer, false, ret, err);
}

int client_upload(struct client *c, const char *path, const char *name, struct reply *ret,
		  struct error *err) {
	AUTO(file_close) FILE *file = fopen(name, "re");
	struct stat st;
	if (file == NULL || fstat(fileno(file), &st) < 0) {
		return error_set(err, errno, "cannot read '%s': %s", name,
				 strerror(errno));
	}
	if (S_ISDIR(st.st_mode)) {
		return error_set(err, EISDIR, "'%s' is a directory; name an audio file",
				 name);
	}
	AUTO(str_done) struct str answer = STR_INIT;
	int rc = prepare(c, path, "Content-Type: application/octet-stream", &answer, err);
	if (rc < 0) {
		return rc;
	}
	curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(c->curl, CURLOPT_READDATA, file);
	/* The length of a pipe is not known: -1 sends it in chunks. */
	curl_off_t size = S_ISREG(st.st_mode) ? (curl_off_t)st.st_size : -1;
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
	rc = perform(c, &answer, true, ret, err);
	if (rc < 0 && ferror(file)) {
		return error_set(err, EIO, "cannot read '%s' to its end", name);
	}
	return rc;
}

int client_send(struct client *c, const char *path, const void *bytes, size_t n,
		struct reply *ret, struct error *err) {
	AUTO(str_done) struct str answer = STR_INIT;
	int rc = prepare(c, path, "Content-Type: application/octet-stream", &answer, err);
	if (rc < 0) {
		return rc;
	}
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, bytes);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
	return perform(c, &answer, true, ret, err);
}

/* Appends a page to items; sets *cursor to that of the next page, NULL at the end. */
static int take_page(struct client *c, const struct reply *reply, json_t *items,
		     char **cursor, struct error *err) {
	json_t *page = json_object_get(reply->json, "items");
	if (!json_is_array(page)) {
		return not_dalaba(c, reply->status, err);
	}
	const json_t *next = json_object_get(reply->json, "next");
	if (json_array_extend(items, page) < 0) {
		return error_set(err, ENOMEM, "no memory for the list");
	}
	free(*cursor);
	*cursor = NULL;
	if (next != NULL && !json_is_null(next)) {
		*cursor = json_is_string(next) ? strdup(json_string_value(next))
					       : json_dumps(next, JSON_ENCODE_ANY);
		if (*cursor == NULL) {
			return error_set(err, ENOMEM, "no memory for the list");
		}
	}
	return 0;
}

int client_list(struct client *c, const char *path, size_t max, json_t **ret,
		struct error *err) {
	AUTO(json_decref) json_t *items = json_array();
	AUTO(free) char *cursor = NULL;
	for (int page = 0; page < PAGES_MAX; page++) {
		AUTO(str_done) struct str url = STR_INIT;
		AUTO(free) char *escaped = client_escape(c, cursor != NULL ? cursor : "");
		size_t left = max != 0 ? max - json_array_size(items) : PAGE_SIZE;
		size_t limit = left < PAGE_SIZE ? left : PAGE_SIZE;
		int rc = str_printf(&url, "%s%climit=%zu%s%s", path,
				    strchr(path, '?') != NULL ? '&' : '?', limit,
				    cursor != NULL ? "&cursor=" : "",
				    escaped != NULL ? escaped : "");
		if (rc < 0 || escaped == NULL || items == NULL) {
			return error_set(err, ENOMEM, "no memory for the list");
		}
		AUTO(reply_done) struct reply reply = {0};
		rc = client_call(c, "GET", url.data, NULL, &reply, err);
		rc = rc < 0 ? rc : take_page(c, &reply, items, &cursor, err);
		if (rc < 0) {
			return rc;
		}
		if (cursor == NULL || (max != 0 && json_array_size(items) >= max)) {
			*ret = json_pack("{s:O, s:s?}", "items", items, "next", cursor);
			return *ret != NULL
				       ? 0
				       : error_set(err, ENOMEM, "no memory for the list");
		}
	}
	return error_set(err, EPROTO, "the list at %s never ends", path);
}
