/* http.c - see http.h; the only file that knows libmicrohttpd.
 *
 * A connection carries one request at a time. The library gives the target before it has
 * read the headers (that is where the request is made), then the headers, the parts of
 * the body and its end. A refusal waits for the end of a small body, so that the
 * connection can go on; a large one is cut off behind the answer. A deferred answer and
 * a stream with nothing to say suspend the connection, which the library then no longer
 * looks at. It also misses an end that comes together with the last bytes. So every
 * connection is watched for its end by us: a listener who has gone is let go at once, and
 * who has said his last word and not finished a request, within a second.
 *
 * The library's own time-out is one of silence. Slow senders are met by a deadline for
 * the head, for the body and for the answer, which ends the connection. */
#include "http.h"

#include "base/str.h"
#include "dispatch.h"

#include <assert.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <syslog.h>

#define CONNECTIONS_MAX 128u
#define PER_ADDRESS_MAX 32u
#define SILENCE_S 30u
#define CONNECTION_MEMORY ((size_t)32 * 1024)
#define SECOND_US INT64_C(1000000)
#define HEAD_LIMIT_US (60 * SECOND_US)
#define LAST_WORD_US SECOND_US
#define ANSWER_LIMIT_US (600 * SECOND_US)
#define SWALLOW_MAX (INT64_C(1024) * 1024)
#define DISCARD_MAX (INT64_C(64) * 1024 * 1024)
#define STREAM_BLOCK ((size_t)4096)
#define NEVER INT64_MAX

struct conn {
	struct conn *next, **at;
	struct http *http;
	struct MHD_Connection *connection;
	int fd;
	int64_t deadline_us;
	struct caller caller; /* of the peer, where known */
	bool known;
	bool suspended;
	bool ending; /* the peer says nothing more */
	bool gone;   /* a stream is to end */

	struct request *request; /* NULL between two */
	struct error refusal;    /* code 0: the target was good */
	bool begun;              /* the headers were seen */
	bool head;               /* they are all that is asked for */
	bool ended;              /* and the end of the body */
	int64_t swallowed;       /* bytes behind a refusal */
};

struct http {
	struct http_config config;
	struct MHD_Daemon *daemon;
	struct conn *conns;
	int watch_fd; /* epoll: the library's, and the peers of suspended connections */
	bool stopping;
	struct error *start; /* where the library's words go while it starts */
};

/* ------------------------------------------------------- between the library and us */

static const char *get_header(void *carrier, const char *name) {
	struct conn *c = carrier;
	return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

static int identify(void *carrier, struct caller *ret, struct error *err) {
	struct conn *c = carrier;
	const struct admin_config *config = &c->http->config.admin->config;
	if (!c->http->config.local) {
		return auth_token(config->store, get_header(c, "Authorization"),
				  request_now_us(c->request), ret, err);
	}
	if (!c->known) {
		int rc = auth_peer(c->fd, config->socket_group, &c->caller, err);
		if (rc < 0) {
			return rc;
		}
		c->known = true;
	}
	*ret = c->caller;
	return 0;
}

/* What is still to come from the peer must be there by then. */
static void expect_within(struct conn *c, int64_t limit_us) {
	if (c->ending && limit_us > LAST_WORD_US) {
		limit_us = LAST_WORD_US;
	}
	c->deadline_us = admin_monotonic_us() + limit_us;
}

static void suspend(struct conn *c) {
	assert(!c->suspended);
	MHD_suspend_connection(c->connection);
	c->suspended = true;
}

static void resume(struct conn *c) {
	if (c->suspended) {
		c->suspended = false;
		MHD_resume_connection(c->connection);
		admin_wake(c->http->config.admin);
	}
}

static void on_answered(void *carrier) {
	struct conn *c = carrier;
	c->deadline_us = admin_monotonic_us() + ANSWER_LIMIT_US;
	resume(c);
}

static void on_wake(void *carrier) {
	resume(carrier);
}

/* The library notices at its next look at the socket and tidies up. */
static void on_cut(void *carrier) {
	struct conn *c = carrier;
	c->gone = true;
	shutdown(c->fd, SHUT_RDWR);
	resume(c);
}

static const struct transport transport = {
	.header = get_header,
	.identify = identify,
	.answered = on_answered,
	.wake = on_wake,
	.cut = on_cut,
};

/* ------------------------------------------------------------------------- answers */

static ssize_t read_stream(void *cls, uint64_t position, char *buffer, size_t size) {
	(void)position;
	struct conn *c = cls;
	if (c->gone || c->http->stopping) {
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	const struct stream *stream = &c->request->reply.stream;
	ssize_t n = stream->read(stream->arg, buffer, size);
	if (n < 0) {
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	if (n == 0) {
		suspend(c);
	}
	return n;
}

static struct MHD_Response *make_response(struct conn *c, struct reply *reply) {
	/* Of a stream the library would send the end as well, which is no head. */
	if (reply->stream.read != NULL && !c->head) {
		c->deadline_us = NEVER;
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
							 read_stream, c, NULL);
	}
	if (reply->fd >= 0) {
		/* The library closes the file, with the response or at once where it
		 * makes none only by us. */
		struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(
			reply->len, reply->fd, (uint64_t)reply->offset);
		if (response != NULL) {
			reply->fd = -1;
		}
		return response;
	}
	/* Copied: the request may end before its last byte has left. */
	return MHD_create_response_from_buffer(reply->len, reply->body,
					       MHD_RESPMEM_MUST_COPY);
}

static bool add_headers(struct MHD_Response *response, const struct request *r) {
	const struct reply *reply = &r->reply;
	bool local_only = r->route == NULL || (r->route->flags & ROUTE_OPEN) == 0;
	const struct {
		const char *name;
		const char *value;
	} headers[] = {
		{"Content-Type", reply->type},
		{"Location", reply->location},
		{"Allow", reply->allow[0] != '\0' ? reply->allow : NULL},
		{"ETag", reply->etag[0] != '\0' ? reply->etag : NULL},
		{"Content-Range", reply->range[0] != '\0' ? reply->range : NULL},
		{"Accept-Ranges", reply->ranges ? "bytes" : NULL},
		{"WWW-Authenticate", reply->status == 401 ? "Bearer" : NULL},
		{"Cache-Control", reply->etag[0] != '\0' ? "private, no-cache"
				  : local_only           ? "no-store"
							 : "no-cache"},
		{"X-Content-Type-Options", "nosniff"},
		{"Connection", reply->close ? "close" : NULL},
	};
	bool good = true;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (headers[i].value != NULL) {
			good &= MHD_add_response_header(response, headers[i].name,
							headers[i].value) == MHD_YES;
		}
	}
	return good;
}

static enum MHD_Result send_answer(struct conn *c) {
	struct request *r = c->request;
	assert(r->stage == STAGE_ANSWERED);
	c->deadline_us = admin_monotonic_us() + ANSWER_LIMIT_US;
	struct MHD_Response *response = make_response(c, &r->reply);
	if (response == NULL) {
		return MHD_NO;
	}
	enum MHD_Result rc = MHD_NO;
	if (add_headers(response, r)) {
		rc = MHD_queue_response(c->connection, (unsigned)r->reply.status,
					response);
	}
	MHD_destroy_response(response);
	return rc;
}

/* The box stops; whoever does the work may still answer, to nobody. */
static enum MHD_Result send_stopping(struct conn *c) {
	static const char text[] =
		"{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
		"\"status\":503,\"detail\":\"dalabad is stopping: ask again later\"}\n";
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		return MHD_NO;
	}
	enum MHD_Result rc = MHD_NO;
	if (MHD_add_response_header(response, "Content-Type",
				    "application/problem+json") == MHD_YES) {
		rc = MHD_queue_response(c->connection, 503, response);
	}
	MHD_destroy_response(response);
	return rc;
}

/* ------------------------------------------------------------------------ requests */

static struct conn *conn_of(struct MHD_Connection *connection) {
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info != NULL ? info->socket_context : NULL;
}

/* The first line is there. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection) {
	struct http *h = cls;
	struct conn *c = conn_of(connection);
	if (c == NULL || c->request != NULL) {
		return c;
	}
	c->refusal = (struct error){0};
	c->begun = false;
	c->ended = false;
	c->swallowed = 0;
	request_new(h->config.admin, target, &transport, c, &c->request, &c->refusal);
	return c;
}

/* Content-Length; -1 where the body comes in chunks. */
static int64_t body_length(struct conn *c) {
	if (get_header(c, "Transfer-Encoding") != NULL) {
		return -1;
	}
	const char *text = get_header(c, "Content-Length");
	int64_t length = 0;
	if (text != NULL && parse_int64(text, 0, INT64_MAX, &length) < 0) {
		length = INT64_MAX;
	}
	return length;
}

/* Where the body ends must be beyond doubt: whoever stands before us might see it end
 * elsewhere, and what follows would be a request of its own (RFC 9112, section 6.1). */
static bool has_clear_end(struct conn *c) {
	const char *coding = get_header(c, "Transfer-Encoding");
	return coding == NULL || (strcasecmp(coding, "chunked") == 0 &&
				  get_header(c, "Content-Length") == NULL);
}

static enum MHD_Result on_head(struct conn *c, const char *method) {
	struct request *r = c->request;
	int64_t length = body_length(c);
	bool clear = has_clear_end(c);
	c->head = strcmp(method, "HEAD") == 0;
	if (!clear) {
		error_set(&c->refusal, EINVAL,
			  "send the body with Content-Length, or with Transfer-Encoding: "
			  "chunked alone");
	}
	if (c->refusal.code != 0) {
		dispatch_refuse(r, &c->refusal);
	} else {
		dispatch_head(r, method, length);
	}
	c->begun = true;
	expect_within(c, dispatch_limit_us(r));
	/* Whoever asks before sending is told before sending. */
	bool asks = get_header(c, "Expect") != NULL;
	if (r->stage == STAGE_ANSWERED && length != 0 &&
	    (asks || !clear || length > SWALLOW_MAX)) {
		r->reply.close = true;
		return send_answer(c);
	}
	return MHD_YES;
}

static enum MHD_Result on_body(struct conn *c, const char *bytes, size_t *n) {
	if (c->request->stage == STAGE_BODY) {
		dispatch_body(c->request, bytes, *n);
	} else {
		/* The library can answer in front of a body or behind it, not within. */
		c->swallowed += (int64_t)*n;
		if (c->swallowed > DISCARD_MAX) {
			return MHD_NO;
		}
	}
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result on_end(struct conn *c) {
	struct request *r = c->request;
	if (!c->ended) {
		c->ended = true;
		c->deadline_us = NEVER;
		if (r->stage == STAGE_BODY) {
			dispatch_end(r);
		}
	}
	if (r->stage == STAGE_ANSWERED) {
		return send_answer(c);
	}
	if (c->http->stopping) {
		return send_stopping(c);
	}
	suspend(c);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *bytes, size_t *n,
				  void **context) {
	(void)cls;
	(void)connection;
	(void)url;
	(void)version;
	struct conn *c = *context;
	if (c == NULL || c->request == NULL) {
		return MHD_NO; /* no memory */
	}
	if (!c->begun) {
		return on_head(c, method);
	}
	return *n > 0 ? on_body(c, bytes, n) : on_end(c);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why) {
	(void)cls;
	(void)connection;
	(void)why;
	struct conn *c = *context;
	if (c != NULL) {
		request_release(MOVE(c->request));
		expect_within(c, HEAD_LIMIT_US);
	}
	*context = NULL;
}

static void conn_open(struct http *h, struct MHD_Connection *connection, void **context) {
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return;
	}
	c->http = h;
	c->connection = connection;
	c->fd = info->connect_fd;
	expect_within(c, HEAD_LIMIT_US);
	c->next = h->conns;
	c->at = &h->conns;
	if (c->next != NULL) {
		c->next->at = &c->next;
	}
	h->conns = c;
	*context = c;
	struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = c};
	if (epoll_ctl(h->watch_fd, EPOLL_CTL_ADD, c->fd, &event) < 0) {
		admin_log(h->config.admin, LOG_DEBUG,
			  "HTTP: a connection goes unwatched: %s", strerror(errno));
	}
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what) {
	struct conn *c = *context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		conn_open(cls, connection, context);
	} else if (c != NULL) {
		epoll_ctl(c->http->watch_fd, EPOLL_CTL_DEL, c->fd, NULL);
		request_release(c->request);
		*c->at = c->next;
		if (c->next != NULL) {
			c->next->at = c->at;
		}
		free(c);
		*context = NULL;
	}
}

/* ------------------------------------------------------------------------ the whole */

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format,
							 va_list args) {
	struct http *h = cls;
	char text[ERROR_TEXT_SIZE];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	if (h->start != NULL) {
		error_set(h->start, EINVAL, "%s", text);
	} else {
		admin_log(h->config.admin, LOG_DEBUG, "HTTP: %s", text);
	}
}

/* With GnuTLS's own choice of ciphers, but nothing older than TLS 1.2. */
static struct MHD_Daemon *start(struct http *h) {
	const struct http_config *config = &h->config;
	bool tls = config->certificate != NULL;
	struct MHD_OptionItem tls_options[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)config->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)config->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0,
		 (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 MHD_USE_ITC;
	return MHD_start_daemon(
		flags | (tls ? (unsigned)MHD_USE_TLS : 0u), 0, NULL, NULL, on_request, h,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, h, MHD_OPTION_LISTEN_SOCKET,
		config->fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, config->local ? 0u : PER_ADDRESS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
		tls ? tls_options : none, MHD_OPTION_END);
}

int http_new(const struct http_config *config, struct http **ret, struct error *err) {
	AUTO(http_free) struct http *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		fd_close(config->fd);
		return error_set(err, ENOMEM, "no memory for the HTTP server");
	}
	h->config = *config;
	h->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->watch_fd < 0) {
		fd_close(config->fd);
		return error_set(err, errno, "cannot watch connections: %s",
				 strerror(errno));
	}
	struct error why = {0};
	h->start = &why;
	h->daemon = start(h);
	h->start = NULL;
	if (h->daemon == NULL) {
		fd_close(config->fd);
		return error_set(err, EINVAL, "the HTTP server does not start%s%s",
				 why.code != 0 ? ": " : "", why.text);
	}
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct epoll_event event = {.events = EPOLLIN};
	if (epoll_ctl(h->watch_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0) {
		return error_set(err, errno, "cannot watch connections: %s",
				 strerror(errno));
	}
	*ret = MOVE(h);
	return 0;
}

void http_free(struct http *h) {
	if (h == NULL) {
		return;
	}
	h->stopping = true;
	if (h->daemon != NULL) {
		int fd = MHD_quiesce_daemon(h->daemon);
		fd_close(fd);
		for (struct conn *c = h->conns; c != NULL; c = c->next) {
			resume(c);
		}
		/* Once to take them up again, once to send. */
		MHD_run(h->daemon);
		MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	fd_close(h->watch_fd);
	free(h);
}

int http_fd(const struct http *h) {
	return h->watch_fd;
}

int64_t http_timeout_us(const struct http *h, int64_t now_us) {
	int64_t least_us = NEVER;
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	if (MHD_get_timeout(h->daemon, &wait_ms) == MHD_YES) {
		least_us = wait_ms < 3600000 ? (int64_t)wait_ms * 1000 : 3600 * SECOND_US;
	}
	for (const struct conn *c = h->conns; c != NULL; c = c->next) {
		if (c->deadline_us != NEVER) {
			int64_t left_us =
				c->deadline_us > now_us ? c->deadline_us - now_us : 0;
			least_us = left_us < least_us ? left_us : least_us;
		}
	}
	return least_us == NEVER ? -1 : least_us;
}

/* A deferred answer still goes out: the peer may be listening. */
static void on_ending(struct conn *c) {
	c->ending = true;
	if (c->request == NULL || !c->ended) {
		expect_within(c, LAST_WORD_US);
	} else if (c->suspended && c->request->reply.stream.read != NULL) {
		c->gone = true;
		resume(c);
	}
}

void http_work(struct http *h, int64_t now_us) {
	struct epoll_event events[64];
	int n = epoll_wait(h->watch_fd, events, 64, 0);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != NULL) {
			on_ending(events[i].data.ptr);
		}
	}
	for (struct conn *c = h->conns; c != NULL; c = c->next) {
		if (c->deadline_us <= now_us) {
			c->deadline_us = NEVER;
			shutdown(c->fd, SHUT_RDWR);
		}
	}
	MHD_run(h->daemon);
}
