/* test_http.c - the API over real sockets, turned by the test itself: connections, their
 * limits, answers that are put off, files, events, and the end. */
#include "paper_admin.h"

#include "base/str.h"
#include "web-admin/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 4000

struct box {
	struct paper paper;
	char folder[64];
	char socket[96];
	char listen[32];
	int port;
	char *token;
};

static struct box box;
static struct request *waiting;

/* ---------------------------------------------- calls that take the place of
 * api_health.c */

static void get_plain(struct request *r) {
	reply_json(r, 200, json_pack("{s:s}", "who", request_who(r)));
}

static void post_late(struct request *r) {
	waiting = r;
	request_defer(r);
}

static void post_raw(struct request *r) {
	AUTO(fd_close) int fd = request_take_fd(r);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	reply_json(r, 200, json_pack("{s:I}", "bytes", (json_int_t)st.st_size));
}

static void get_file(struct request *r) {
	char path[128];
	snprintf(path, sizeof(path), "%s/file", box.folder);
	reply_file(r, path, "audio/ogg", "tag1");
}

const struct route *api_health_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/healthz", BODY_NONE, NULL, ROUTE_OPEN | ROUTE_TOP,
		 get_plain},
		{METHOD_GET, "/plain", BODY_NONE, NULL, 0, get_plain},
		{METHOD_POST, "/late", BODY_JSON_OPTIONAL, NULL, 0, post_late},
		{METHOD_POST, "/raw", BODY_RAW, NULL, 0, post_raw},
		{METHOD_GET, "/file", BODY_NONE, NULL, 0, get_file},
		{.path = NULL},
	};
	return routes;
}

/* --------------------------------------------------------------------------- callers */

static void turn(int wait_ms) {
	if (box.paper.admin == NULL) {
		return;
	}
	int64_t timeout_us = admin_timeout_us(box.paper.admin);
	int timeout_ms = timeout_us < 0 || timeout_us > wait_ms * 1000
				 ? wait_ms
				 : (int)(timeout_us / 1000);
	struct pollfd fd = {.fd = admin_fd(box.paper.admin), .events = POLLIN};
	poll(&fd, 1, timeout_ms);
	admin_work(box.paper.admin);
}

static int call_local(void) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, box.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static int call_tcp(void) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)box.port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

/* All of it, while the box turns; false where the box has hung up. */
static bool say_bytes(int fd, const char *text, size_t len) {
	for (int i = 0; len > 0 && i < TURNS_MAX; i++) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			return false;
		}
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		turn(1);
	}
	return len == 0;
}

static bool say(int fd, const char *text) {
	return say_bytes(fd, text, strlen(text));
}

/* Reads until `until` was there (NULL: until the box hangs up). The caller's str grows.
 */
static void hear(int fd, const char *until, struct str *heard) {
	char buffer[8192];
	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		if (n > 0) {
			assert_int_equal(str_append_bytes(heard, buffer, (size_t)n), 0);
		} else if (n == 0 || errno != EAGAIN) {
			if (until != NULL) {
				fail_msg("the box hung up: %s",
					 heard->data != NULL ? heard->data : "");
			}
			return;
		}
		if (until != NULL && heard->data != NULL &&
		    strstr(heard->data, until) != NULL) {
			return;
		}
		turn(5);
	}
	fail_msg("the box says no '%s': %s", until != NULL ? until : "end",
		 heard->data != NULL ? heard->data : "");
}

/* One call on a connection of its own, over the socket. */
static char *ask(const char *request) {
	AUTO(fd_close) int fd = call_local();
	struct str heard = STR_INIT;
	say(fd, request);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	hear(fd, NULL, &heard);
	return heard.data != NULL ? heard.data : strdup("");
}

static void expect(const char *request, const char *want) {
	AUTO(free) char *heard = ask(request);
	if (strstr(heard, want) == NULL) {
		fail_msg("no '%s' in the answer to '%s': %s", want, request, heard);
	}
}

static int count(const char *text, const char *what) {
	int n = 0;
	while ((text = strstr(text, what)) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* ----------------------------------------------------------------------------- tests */

struct talk {
	const char *request;
	const char *want;
};

static void answers_have_their_form(void **state) {
	(void)state;
	static const struct talk talks[] = {
		{"GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "HTTP/1.1 200 OK\r\n"},
		{"GET /healthz HTTP/1.0\r\n\r\n", "200 OK\r\n"},
		{"GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "Content-Type: application/json\r\n"},
		{"GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "\r\nDate: "},
		{"GET /api/v1/plain HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "{\"who\":\"root\"}"},
		{"GET /api/v1/no HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "404 Not Found\r\n"},
		{"GET /api/v1/no HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "Content-Type: application/problem+json\r\n"},
		{"DELETE /api/v1/plain HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
		 "Allow: GET, HEAD\r\n"},
		{"GET /%zz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", "400 Bad"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n"
		 "Connection: close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
		 "{\"bytes\":7}"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n"
		 "Connection: close\r\n\r\n",
		 "the body is empty"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: "
		 "300000000\r\n\r\n",
		 "413 "},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 300000000\r\n"
		 "Expect: 100-continue\r\n\r\n",
		 "at most 200 MB"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n"
		 "Content-Type: multipart/form-data; boundary=x\r\nConnection: "
		 "close\r\n\r\nabc",
		 "curl --data-binary"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 "400 Bad"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip\r\n"
		 "\r\nabc",
		 "Transfer-Encoding: chunked alone"},
	};
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		expect(talks[i].request, talks[i].want);
	}
}

static void parts_of_a_file(void **state) {
	(void)state;
	static const struct talk talks[] = {
		{"", "200 OK\r\n"},
		{"", "Accept-Ranges: bytes\r\n"},
		{"", "ETag: \"tag1\"\r\n"},
		{"", "\r\n\r\n0123456789"},
		{"Range: bytes=2-4\r\n", "206 Partial Content\r\n"},
		{"Range: bytes=2-4\r\n", "Content-Range: bytes 2-4/10\r\n"},
		{"Range: bytes=2-4\r\n", "\r\n\r\n234"},
		{"Range: bytes=7-\r\n", "\r\n\r\n789"},
		{"Range: bytes=7-99\r\n", "bytes 7-9/10"},
		{"Range: bytes=-4\r\n", "\r\n\r\n6789"},
		{"Range: bytes=-40\r\n", "bytes 0-9/10"},
		{"Range: bytes=10-\r\n", "416 "},
		{"Range: bytes=10-\r\n", "Content-Range: bytes */10\r\n"},
		{"Range: bytes=-0\r\n", "416 "},
		{"Range: bytes=4-2\r\n", "200 OK\r\n"},
		{"Range: bytes=0-1,3-4\r\n", "200 OK\r\n"},
		{"Range: lines=1-2\r\n", "200 OK\r\n"},
		{"Range: bytes=\r\n", "200 OK\r\n"},
		{"Range: bytes=a-b\r\n", "200 OK\r\n"},
		{"Range: bytes=2-4\r\nIf-Range: \"tag1\"\r\n", "206 "},
		{"Range: bytes=2-4\r\nIf-Range: \"old\"\r\n", "200 OK"},
		{"If-None-Match: \"tag1\"\r\n", "304 Not Modified\r\n"},
		{"If-None-Match: W/\"x\", \"tag1\"\r\n", "304 Not Modified\r\n"},
		{"If-None-Match: *\r\n", "304 Not Modified\r\n"},
		{"If-None-Match: \"tag10\"\r\n", "200 OK\r\n"},
	};
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		char request[256];
		snprintf(request, sizeof(request),
			 "GET /api/v1/file HTTP/1.1\r\nHost: b\r\nConnection: "
			 "close\r\n%s\r\n",
			 talks[i].request);
		expect(request, talks[i].want);
	}
	/* The same without the bytes. */
	AUTO(free)
	char *head =
		ask("HEAD /api/v1/file HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(head, "Content-Length: 10\r\n"));
	assert_null(strstr(head, "0123"));
}

/* A connection goes on after an answer, and after a refusal; several may be asked ahead.
 */
static void a_connection_goes_on(void **state) {
	(void)state;
	AUTO(fd_close) int fd = call_local();
	AUTO(str_done) struct str heard = STR_INIT;
	assert_true(say(fd, "GET /api/v1/plain HTTP/1.1\r\nHost: b\r\n\r\n"
			    "POST /api/v1/late HTTP/1.1\r\nHost: b\r\n"
			    "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
			    "GET /api/v1/no HTTP/1.1\r\nHost: b\r\n\r\n"
			    "GET /api/v1/plain HTTP/1.1\r\nHost: b\r\n"
			    "Connection: close\r\n\r\n"));
	hear(fd, NULL, &heard);
	static const char *const order[] = {" 200 OK", " 415 ", " 404 ", " 200 OK"};
	const char *at = heard.data;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		assert_non_null(at);
		at++;
	}
}

/* What follows a request whose end is in doubt is not another one. */
static void a_body_has_one_end(void **state) {
	(void)state;
	AUTO(free)
	char *heard = ask("POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
			  "GET /api/v1/plain HTTP/1.1\r\nHost: b\r\n\r\n");
	assert_int_equal(count(heard, "HTTP/1.1 "), 1);
	assert_non_null(strstr(heard, "Connection: close\r\n"));
}

static void an_answer_may_come_late(void **state) {
	(void)state;
	AUTO(fd_close) int fd = call_local();
	AUTO(str_done) struct str heard = STR_INIT;
	waiting = NULL;
	say(fd, "POST /api/v1/late HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n"
		"GET /api/v1/plain HTTP/1.1\r\nHost: b\r\n\r\n");
	for (int i = 0; i < 100 && waiting == NULL; i++) {
		turn(5);
	}
	assert_non_null(waiting);
	/* Others are served meanwhile. */
	expect("GET /healthz HTTP/1.0\r\n\r\n", "200 OK");
	reply_json(waiting, 200, json_pack("{s:s}", "late", "yes"));
	/* The loop is woken, nobody has to knock. */
	struct pollfd ready = {.fd = admin_fd(box.paper.admin), .events = POLLIN};
	assert_int_equal(poll(&ready, 1, 0), 1);
	hear(fd, "{\"who\":\"root\"}", &heard);
	assert_non_null(strstr(heard.data, "{\"late\":\"yes\"}"));
}

static void a_caller_may_leave(void **state) {
	(void)state;
	int fd = call_local();
	waiting = NULL;
	say(fd, "POST /api/v1/late HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n");
	for (int i = 0; i < 100 && waiting == NULL; i++) {
		turn(5);
	}
	close(fd);
	for (int i = 0; i < 10; i++) {
		turn(1);
	}
	reply_json(waiting, 200, json_object());
	for (int i = 0; i < 10; i++) {
		turn(1);
	}
	expect("GET /healthz HTTP/1.0\r\n\r\n", "200 OK");
}

static void tokens_open_the_door(void **state) {
	(void)state;
	const struct talk talks[] = {
		{"", "401 Unauthorized\r\n"},
		{"", "WWW-Authenticate: Bearer\r\n"},
		{"Authorization: Bearer dalaba_no\r\n", "401 "},
		{box.token, "{\"who\":\"paper\"}"},
	};
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		AUTO(fd_close) int fd = call_tcp();
		AUTO(str_done) struct str heard = STR_INIT;
		char request[512];
		snprintf(request, sizeof(request),
			 "GET /api/v1/plain HTTP/1.1\r\nHost: b\r\n%s\r\n",
			 talks[i].request);
		say(fd, request);
		hear(fd, talks[i].want, &heard);
	}
	assert_null(strstr(box.paper.log, "dalaba_"));
}

static void one_address_has_so_many_connections(void **state) {
	(void)state;
	int fds[40];
	int served = 0;
	for (int i = 0; i < 40; i++) {
		fds[i] = call_tcp();
		say(fds[i], "GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n");
		char buffer[2048];
		for (int j = 0; j < 50; j++) {
			turn(1);
			ssize_t n = recv(fds[i], buffer, sizeof(buffer), 0);
			if (n >= 0 || errno != EAGAIN) {
				served += n > 0;
				break;
			}
		}
	}
	assert_int_equal(served, 32);
	/* The socket of the box itself is not concerned. */
	expect("GET /healthz HTTP/1.0\r\n\r\n", "200 OK");
	for (int i = 0; i < 40; i++) {
		close(fds[i]);
	}
	for (int i = 0; i < 50; i++) {
		turn(1);
	}
	AUTO(fd_close) int fd = call_tcp();
	AUTO(str_done) struct str heard = STR_INIT;
	say(fd, "GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n");
	hear(fd, "200 OK", &heard);
}

static void slow_senders_are_ended(void **state) {
	(void)state;
	static const char *const starts[] = {
		"GET /healthz HTTP/1.1\r\nHost:",
		"POST /api/v1/late HTTP/1.1\r\nHost: b\r\nContent-Type: "
		"application/json\r\n"
		"Content-Length: 100\r\n\r\n{",
	};
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		AUTO(fd_close) int fd = call_local();
		AUTO(str_done) struct str heard = STR_INIT;
		say(fd, starts[i]);
		turn(1);
		int64_t wait_us = admin_timeout_us(box.paper.admin);
		assert_true(wait_us >= 0 && wait_us <= 60000000);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		http_work(box.paper.admin->local, admin_monotonic_us() + 61000000);
		hear(fd, NULL, &heard);
	}
}

/* The end comes together with the last bytes: all that was asked is answered, and what
 * was not asked to its end is not waited for. */
static void a_last_word_is_enough(void **state) {
	(void)state;
	static const struct talk talks[] = {
		{"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n", "200 OK"},
		{"GET /api/v1/no HTTP/1.1\r\nHost: b\r\n\r\n"
		 "GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n",
		 "\"who\""},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc",
		 "{\"bytes\":3}"},
		{"POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nabc",
		 ""},
		{"GET /healthz HTTP/1.1\r\nHost:", ""},
		{"\r\n\r\n", ""},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		AUTO(fd_close) int fd = call_local();
		AUTO(str_done) struct str heard = STR_INIT;
		size_t len = strlen(talks[i].request);
		assert_int_equal(send(fd, talks[i].request, len, MSG_NOSIGNAL), len);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		/* Silence alone would end it after 30 s. */
		int64_t start_us = admin_monotonic_us();
		hear(fd, NULL, &heard);
		assert_true(admin_monotonic_us() - start_us < 15000000);
		if (strstr(heard.data != NULL ? heard.data : "", talks[i].want) == NULL) {
			fail_msg("%s: %s", talks[i].request, heard.data);
		}
	}
}

static int listen_events(struct str *heard) {
	int fd = call_local();
	say(fd, "GET /api/v1/events HTTP/1.1\r\nHost: b\r\n\r\n");
	hear(fd, "event: fault", heard);
	return fd;
}

static void turn_for(int ms) {
	int64_t end_us = admin_monotonic_us() + ms * 1000;
	while (admin_monotonic_us() < end_us) {
		turn(5);
	}
}

/* Ten times a second, of all that passed; silence once, and nothing once none plays. */
static void levels_are_told(int fd) {
	AUTO(str_done) struct str heard = STR_INIT;
	AUTO(str_done) struct str after = STR_INIT;
	box.paper.level = (struct admin_level){-20.5, -6.25};
	box.paper.state = ADMIN_ZONE_PLAYING;
	admin_publish_status(box.paper.admin, 1);
	hear(fd, "{\"zones\":[{\"id\":1,\"level_db\":-20.5,\"peak_db\":-6.25}]}", &heard);
	assert_true(admin_timeout_us(box.paper.admin) <= 100000);
	box.paper.level = (struct admin_level){-120, -120};
	int64_t looks = box.paper.levels;
	while (box.paper.levels < looks + 5) {
		turn(5);
	}
	assert_false(box.paper.level_torn);
	box.paper.state = ADMIN_ZONE_IDLE;
	admin_publish_status(box.paper.admin, 1);
	for (; admin_timeout_us(box.paper.admin) <= 100000; turn(5)) {
	}
	looks = box.paper.levels;
	turn_for(250);
	hear(fd, "\"state\":\"idle\"", &after);
	assert_int_equal(box.paper.levels, looks);
	assert_int_equal(count(after.data, "\"peak_db\":-120.0"), 1);
}

static void listeners_hear_what_changes(void **state) {
	(void)state;
	AUTO(str_done) struct str heard = STR_INIT;
	AUTO(fd_close) int fd = listen_events(&heard);
	assert_non_null(strstr(heard.data, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(heard.data, "event: status\ndata: {\"id\":1,"));
	assert_non_null(strstr(heard.data, "\"over\":false"));

	struct admin_fault fault = {.source = "clock", .text = "not set"};
	admin_publish_fault(box.paper.admin, &fault, true);
	hear(fd, "\"over\":true", &heard);
	admin_publish_status(box.paper.admin, 1);
	admin_publish_status(box.paper.admin, 99); /* is gone */
	admin_publish_run(box.paper.admin, 99);
	int64_t run = 0;
	struct error err = {0};
	assert_int_equal(
		box.paper.config.ops->zone_test(&box.paper, 1, "root", &run, &err), 0);
	admin_publish_run(box.paper.admin, run);
	hear(fd, "event: run\ndata: {\"id\":1,", &heard);

	levels_are_told(fd);
}

/* The head of a stream is not followed by anything, and nobody goes on listening. */
static void a_head_of_events_is_a_head(void **state) {
	(void)state;
	AUTO(fd_close) int fd = call_local();
	AUTO(str_done) struct str heard = STR_INIT;
	for (int i = 0; i < 20; i++) {
		say(fd, "HEAD /api/v1/events HTTP/1.1\r\nHost: b\r\n\r\n"
			"HEAD /api/v1/plain HTTP/1.1\r\nHost: b\r\n\r\n");
	}
	say(fd, "GET /api/v1/no HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
	hear(fd, NULL, &heard);
	assert_int_equal(count(heard.data, "HTTP/1.1 200 OK\r\n"), 40);
	assert_null(strstr(heard.data, "\r\n\r\n0\r\n"));
	assert_non_null(strstr(heard.data, "Content-Type: text/event-stream\r\n"));
}

static void who_does_not_read_is_cut_off(void **state) {
	(void)state;
	AUTO(str_done) struct str deaf_heard = STR_INIT;
	AUTO(str_done) struct str heard = STR_INIT;
	AUTO(fd_close) int deaf = listen_events(&deaf_heard);
	AUTO(fd_close) int fd = listen_events(&heard);
	struct admin_fault fault = {.source = "clock"};
	memset(fault.text, 'x', sizeof(fault.text) - 1);
	bool cut = false;
	for (int i = 0; i < 20000 && !cut; i++) {
		admin_publish_fault(box.paper.admin, &fault, false);
		turn(0);
		char buffer[65536];
		while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
			turn(0);
		}
		cut = strstr(box.paper.log, "does not read its events") != NULL;
	}
	assert_true(cut);
	str_done(&deaf_heard);
	deaf_heard = (struct str)STR_INIT;
	hear(deaf, NULL, &deaf_heard);
	str_done(&heard);
	heard = (struct str)STR_INIT;
	admin_publish_fault(box.paper.admin, &fault, true);
	hear(fd, "\"over\":true", &heard);
}

#ifdef __SANITIZE_ADDRESS__
/* Of sanitizer/allocator_interface.h, which does not come with every compiler. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

/* Bytes that the process has taken; the sanitizer counts for itself. */
static size_t memory_taken(void) {
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
}

/* He reads as much as there comes, and stays some 450 kB behind all the time. */
static void who_reads_behind_takes_no_memory(void **state) {
	(void)state;
	static char buffer[4096];
	AUTO(str_done) struct str heard = STR_INIT;
	AUTO(fd_close) int fd = listen_events(&heard);
	struct admin_fault fault = {.source = "clock"};
	memset(fault.text, 'x', sizeof(fault.text) - 1);
	hear(fd, "\"over\":false}\n\n\r\n", &heard);
	str_done(&heard);
	heard = (struct str)STR_INIT;
	admin_publish_fault(box.paper.admin, &fault, true);
	hear(fd, "\"over\":true}\n\n\r\n", &heard);
	size_t before = memory_taken();
	size_t behind = 0;
	size_t read = 0;
	while (read < 20 * 1000 * 1000) {
		admin_publish_fault(box.paper.admin, &fault, true);
		behind += heard.len - strlen("15f\r\n\r\n");
		turn(0);
		while (behind > 450000) {
			ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
			assert_true(n > 0);
			read += (size_t)n;
			behind -= (size_t)n;
			turn(0);
		}
	}
	assert_null(strstr(box.paper.log, "does not read its events"));
	assert_true(memory_taken() < before + 4 * 1000 * 1000);
}

static void listeners_come_and_go(void **state) {
	(void)state;
	int fds[16];
	for (int i = 0; i < 16; i++) {
		AUTO(str_done) struct str heard = STR_INIT;
		fds[i] = listen_events(&heard);
	}
	expect("GET /api/v1/events HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
	       "503 ");
	for (int i = 0; i < 16; i++) {
		close(fds[i]);
	}
	/* Their going is seen without an event to send. */
	for (int i = 0; i < 20; i++) {
		turn(1);
	}
	AUTO(str_done) struct str heard = STR_INIT;
	fds[0] = listen_events(&heard);
	close(fds[0]);
}

/* Whoever waits is told, and what is still being worked on may end afterwards. */
static void the_box_may_stop_at_any_time(void **state) {
	(void)state;
	AUTO(str_done) struct str told = STR_INIT;
	AUTO(str_done) struct str events = STR_INIT;
	AUTO(str_done) struct str idle_heard = STR_INIT;
	AUTO(fd_close) int late = call_local();
	AUTO(fd_close) int idle = call_tcp();
	AUTO(fd_close) int half = call_local();
	AUTO(fd_close) int listener = listen_events(&events);
	waiting = NULL;
	say(half, "POST /api/v1/raw HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nabc");
	say(late, "POST /api/v1/late HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n");
	for (int i = 0; i < 100 && waiting == NULL; i++) {
		turn(5);
	}
	assert_non_null(waiting);
	admin_free(MOVE(box.paper.admin));
	hear(late, NULL, &told);
	assert_non_null(strstr(told.data, "503 Service Unavailable"));
	assert_non_null(strstr(told.data, "dalabad is stopping"));
	hear(listener, NULL, &events);
	hear(idle, NULL, &idle_heard);
	reply_json(waiting, 200, json_object());
	assert_int_equal(access(box.socket, F_OK), -1);
}

static void a_socket_file_is_left_by_the_dead(void **state) {
	(void)state;
	struct error err = {0};
	struct admin *second = NULL;
	struct admin_config config = box.paper.config;
	config.listen = "";
	assert_int_equal(admin_new(&config, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, box.socket));
	struct stat st;
	assert_int_equal(stat(box.socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);

	char stale[96];
	snprintf(stale, sizeof(stale), "%s/stale", box.folder);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, stale);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	config.socket = stale;
	assert_int_equal(admin_new(&config, &second, &err), 0);
	admin_free(second);
	assert_int_equal(access(stale, F_OK), -1);

	fd = open(stale, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(admin_new(&config, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "is no socket"));
	assert_int_equal(unlink(stale), 0);
	config.socket = "/nowhere/at/all.sock";
	assert_int_equal(admin_new(&config, &second, &err), -ENOENT);
}

static void addresses_are_understood(void **state) {
	(void)state;
	static const struct {
		const char *listen;
		int rc;
	} cases[] = {
		{"[::1]:0", 0},
		{"127.0.0.1:0", 0},
		{"127.0.0.1", -EINVAL},
		{"127.0.0.1:", -EINVAL},
		{"127.0.0.1:65536", -EINVAL},
		{"::1:8080", -EINVAL},
		{"[::1]", -EINVAL},
		{"[::1:8080", -EINVAL},
		{"localhost:80", -EINVAL},
		{"192.0.2.1:8080", -EADDRNOTAVAIL},
	};
	struct admin_config config = box.paper.config;
	config.socket = "";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct admin *a = NULL;
		struct error err = {0};
		config.listen = cases[i].listen;
		assert_int_equal(admin_new(&config, &a, &err), cases[i].rc);
		assert_true(cases[i].rc == 0 ||
			    strstr(err.text, cases[i].listen) != NULL);
		admin_free(a);
	}
	config.listen = box.listen;
	struct admin *a = NULL;
	struct error err = {0};
	assert_int_equal(admin_new(&config, &a, &err), -EADDRINUSE);
}

/* ------------------------------------------------------------------------------ frame */

static int free_port(void) {
	AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin_port);
}

static int set_up(void **state) {
	struct error err = {0};
	box = (struct box){.folder = "/tmp/test-http-XXXXXX"};
	*state = &box;
	assert_non_null(mkdtemp(box.folder));
	snprintf(box.socket, sizeof(box.socket), "%s/dalaba.sock", box.folder);
	paper_init(&box.paper, NULL);
	admin_free(MOVE(box.paper.admin));
	box.port = free_port();
	snprintf(box.listen, sizeof(box.listen), "127.0.0.1:%d", box.port);
	box.paper.config.socket = box.socket;
	box.paper.config.listen = box.listen;
	assert_int_equal(admin_new(&box.paper.config, &box.paper.admin, &err), 0);
	AUTO(free) char *secret = NULL;
	assert_int_equal(admin_token_new(box.paper.store, "paper", box.paper.now_us,
					 &secret, &err),
			 0);
	assert_true(asprintf(&box.token, "Authorization: Bearer %s\r\n", secret) > 0);
	char path[128];
	snprintf(path, sizeof(path), "%s/file", box.folder);
	AUTO(file_close) FILE *file = fopen(path, "w");
	fputs("0123456789", file);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	char path[128];
	paper_done(&box.paper);
	free(box.token);
	snprintf(path, sizeof(path), "%s/file", box.folder);
	unlink(path);
	assert_int_equal(rmdir(box.folder), 0);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(answers_have_their_form),
		TEST(parts_of_a_file),
		TEST(a_connection_goes_on),
		TEST(a_body_has_one_end),
		TEST(an_answer_may_come_late),
		TEST(a_caller_may_leave),
		TEST(tokens_open_the_door),
		TEST(one_address_has_so_many_connections),
		TEST(slow_senders_are_ended),
		TEST(a_last_word_is_enough),
		TEST(listeners_hear_what_changes),
		TEST(a_head_of_events_is_a_head),
		TEST(who_does_not_read_is_cut_off),
		TEST(who_reads_behind_takes_no_memory),
		TEST(listeners_come_and_go),
		TEST(the_box_may_stop_at_any_time),
		TEST(a_socket_file_is_left_by_the_dead),
		TEST(addresses_are_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
