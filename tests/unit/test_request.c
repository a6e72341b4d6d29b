/* test_request.c - addresses, queries, bodies and who may call; and the answer that each
 * mistake gets. */
#include "paper_admin.h"

#include "base/str.h"
#include "web-admin/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define JSON "application/json"

struct call_case {
	struct paper_call call;
	int status;
	const char *want; /* part of the answer */
};

static const struct call_case cases[] = {
	/* A card is kept by what stays, and a USB port is written like one. */
	{{.method = "POST",
	  .target = "/api/v1/outputs",
	  .type = JSON,
	  .body = "{\"name\": \"x\", \"pcm\": \"hw:7,1\"}"},
	 201,
	 "\"pcm\":\"hw:CARD=Paper,DEV=1\""},
	{{.method = "PATCH",
	  .target = "/api/v1/outputs/1",
	  .type = JSON,
	  .body = "{\"pcm\": \"hw:7,1\"}"},
	 200,
	 "\"pcm\":\"hw:CARD=Paper,DEV=1\""},
	{{.method = "PATCH",
	  .target = "/api/v1/outputs/1",
	  .type = JSON,
	  .body = "{\"pcm\": \"usb:1-1.2,0\"}"},
	 200,
	 "\"pcm\":\"usb:1-1.2,0\""},
	{{.method = "GET", .target = "/healthz"}, 200, "{\"status\":\"ok\"}\n"},
	{{.method = "HEAD", .target = "/healthz"}, 200, "ok"},
	{{.method = "GET", .target = "/healthz", .stranger = true}, 200, "ok"},
	{{.method = "GET", .target = "http://box:8080/healthz"}, 200, "ok"},
	{{.method = "GET", .target = "/healthz?"}, 200, "ok"},
	{{.method = "GET", .target = "/healthz?x=1"}, 422, "\"x\\\" is not a parameter"},
	{{.method = "GET", .target = "/%68ealthz"}, 200, "ok"},
	{{.method = "GET", .target = "/healthz/"}, 404, "no such address"},
	{{.method = "GET", .target = "//healthz"}, 404, "no such address"},
	{{.method = "GET", .target = "/api/v1/healthz"}, 404, "no such address"},
	{{.method = "GET", .target = "/healthz", .body = "x"}, 400, "takes no body"},
	{{.method = "POST", .target = "/healthz", .body = "x"},
	 405,
	 "answers to GET, HEAD alone"},
	{{.method = "OPTIONS", .target = "/healthz"}, 405, "GET, HEAD"},
	{{.method = "get", .target = "/healthz"}, 405, "GET, HEAD"},
	{{.method = "GET", .target = "/"}, 404, "no such address"},
	{{.method = "GET", .target = "/", .stranger = true}, 401, "a stranger"},
	{{.method = "GET", .target = "/api/v1/none", .stranger = true},
	 401,
	 "a stranger"},
	{{.method = "GET", .target = "/api/v1/tokens", .stranger = true},
	 401,
	 "a stranger"},
	{{.method = "BREW", .target = "/api/v1/tokens", .stranger = true},
	 401,
	 "a stranger"},
	{{.method = "BREW", .target = "/api/v1/tokens"}, 405, "GET, HEAD, POST"},
	{{.method = "DELETE", .target = "/api/v1/tokens"}, 405, "GET, HEAD, POST"},
	{{.method = "DELETE", .target = "/api/v1/tokens/0"}, 404, "no such address"},
	{{.method = "DELETE", .target = "/api/v1/tokens/01"}, 404, "no such address"},
	{{.method = "DELETE", .target = "/api/v1/tokens/-1"}, 404, "no such address"},
	{{.method = "DELETE", .target = "/api/v1/tokens/99999999999999999999"},
	 404,
	 "no such address"},
	{{.method = "DELETE", .target = "/api/v1/tokens/9223372036854775807"},
	 404,
	 "oken"},
	{{.method = "DELETE", .target = "/api/v1/tokens/7%2f"}, 400, "encoded slash"},
	{{.method = "GET", .target = "*"}, 400, "begin with a slash"},
	{{.method = "GET", .target = "http://box"}, 400, "begin with a slash"},
	{{.method = "GET", .target = "/%"}, 400, "two hex digits"},
	{{.method = "GET", .target = "/%4"}, 400, "two hex digits"},
	{{.method = "GET", .target = "/%zz"}, 400, "two hex digits"},
	{{.method = "GET", .target = "/%00"}, 400, "control character"},
	{{.method = "GET", .target = "/%ff"}, 400, "not UTF-8"},
	{{.method = "GET", .target = "/api/v1/tokens?limit=1&limit=2"}, 400, "twice"},
	{{.method = "GET", .target = "/api/v1/tokens?limit=%0a"},
	 400,
	 "control character"},
	{{.method = "GET", .target = "/api/v1/tokens?limit=0"},
	 422,
	 "\"field\":\"limit\""},
	{{.method = "GET", .target = "/api/v1/tokens?limit"},
	 422,
	 "whole number, 1 to 1000"},
	{{.method = "GET", .target = "/api/v1/tokens?&limit=3&"}, 200, "\"next\":null"},
	{{.method = "GET", .target = "/api/v1/tokens?%6cimit=3"}, 200, "\"items\":[]"},
	{{.method = "GET", .target = "/api/v1/tokens?\xe4"}, 400, "not UTF-8"},
	{{.method = "GET", .target = "/api/v1/tokens?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"},
	 400,
	 "more than 16"},
	{{.method = "POST", .target = "/api/v1/tokens"}, 400, "JSON object is missing"},
	{{.method = "POST", .target = "/api/v1/tokens", .body = "{}"},
	 415,
	 "Content-Type: application/json"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = "application/jsonp",
	  .body = "{}"},
	 415,
	 "JSON"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = "application/merge-patch+json",
	  .body = "{}"},
	 415,
	 "JSON"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = "Application/JSON; charset=utf-8",
	  .body = "{}"},
	 422,
	 "\\\"name\\\" is missing"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": \"x\"\n \"y\"}"},
	 400,
	 "(line 2, column"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": \"x\", \"name\": \"y\"}"},
	 400,
	 "duplicate object key"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": \"a\\u0000b\"}"},
	 400,
	 "\\\\u0000"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": 1}\0",
	  .len = 12},
	 400,
	 "not JSON"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": \"\xff\"}"},
	 400,
	 "not JSON"},
	{{.method = "POST", .target = "/api/v1/tokens", .type = JSON, .body = "[1]"},
	 400,
	 "must be a JSON object"},
	{{.method = "POST", .target = "/api/v1/tokens", .type = JSON, .body = "7"},
	 400,
	 "not JSON"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"name\": 1e999}"},
	 400,
	 "not JSON"},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .body = "{\"nome\": \"x\"}"},
	 422,
	 "\"field\":\"nome\""},
	{{.method = "POST",
	  .target = "/api/v1/tokens",
	  .type = JSON,
	  .key = "a b",
	  .body = "{\"name\": \"k\"}"},
	 201,
	 "\"name\":\"k\""}, /* a secret answer takes no key, and does not look at it */
};

static void each_mistake_has_its_answer(void **state) {
	struct paper *p = *state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct call_case *c = &cases[i];
		AUTO(paper_answer_done) struct paper_answer a = paper_call(p, &c->call);
		if (a.status != c->status || a.body == NULL ||
		    strstr(a.body, c->want) == NULL) {
			fail_msg("%s %s %s: %d %s", c->call.method, c->call.target,
				 c->call.body != NULL ? c->call.body : "", a.status,
				 a.body != NULL ? a.body : "(no body)");
		}
		assert_int_equal(strcmp(a.type, "application/problem+json") == 0,
				 a.status >= 400);
	}
}

/* Whatever is refused is refused in one form. */
static void a_problem_has_all_its_members(void **state) {
	const struct paper_call call = {.method = "DELETE", .target = "/healthz"};
	AUTO(paper_answer_done) struct paper_answer a = paper_call(*state, &call);
	json_t *body = json_loads(a.body, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(body, "type")),
			    "about:blank");
	assert_string_equal(json_string_value(json_object_get(body, "title")),
			    "Method Not Allowed");
	assert_int_equal(json_integer_value(json_object_get(body, "status")), 405);
	assert_true(json_is_string(json_object_get(body, "detail")));
	assert_string_equal(a.allow, "GET, HEAD");
	json_decref(body);
}

static void a_deep_body_is_refused(void **state) {
	AUTO(str_done) struct str body = STR_INIT;
	for (int depth = 1; depth < 3000; depth += 31) {
		str_done(&body);
		body = (struct str)STR_INIT;
		assert_int_equal(str_append(&body, "{\"name\":"), 0);
		for (int i = 1; i < depth; i++) {
			assert_int_equal(str_append(&body, "["), 0);
		}
		assert_int_equal(str_append(&body, "1"), 0);
		for (int i = 1; i < depth; i++) {
			assert_int_equal(str_append(&body, "]"), 0);
		}
		assert_int_equal(str_append(&body, "}"), 0);
		const struct paper_call call = {.method = "POST",
						.target = "/api/v1/tokens",
						.type = JSON,
						.body = body.data};
		AUTO(paper_answer_done) struct paper_answer a = paper_call(*state, &call);
		assert_int_equal(a.status, depth <= 32 ? 422 : 400);
	}
}

static void a_body_has_a_largest_size(void **state) {
	size_t max = 1024 * 1024;
	AUTO(free) char *body = malloc(max + 2);
	memset(body, ' ', max + 1);
	body[max + 1] = '\0';
	memcpy(body, "{\"name\":\"large\"}", 16);
	struct paper_call call = {
		.method = "POST", .target = "/api/v1/tokens", .type = JSON, .body = body};
	AUTO(paper_answer_done) struct paper_answer large = paper_call(*state, &call);
	assert_int_equal(large.status, 413);
	call.len = max;
	AUTO(paper_answer_done) struct paper_answer fits = paper_call(*state, &call);
	assert_int_equal(fits.status, 201);
}

/* A secret is shown once. */
static void tokens_come_and_go(void **state) {
	struct paper *p = *state;
	const struct paper_call make = {.method = "POST",
					.target = "/api/v1/tokens",
					.type = JSON,
					.body = "{\"name\": \" 村委会 \"}"};
	AUTO(paper_answer_done) struct paper_answer made = paper_call(p, &make);
	assert_int_equal(made.status, 201);
	json_t *body = json_loads(made.body, 0, NULL);
	const char *secret = json_string_value(json_object_get(body, "token"));
	assert_string_equal(json_string_value(json_object_get(body, "name")), "村委会");
	assert_string_equal(json_string_value(json_object_get(body, "created")),
			    "2026-12-01T08:00:00+08:00");

	struct caller caller;
	struct error err = {0};
	AUTO(free) char *header = NULL;
	assert_true(asprintf(&header, "bearer %s", secret) > 0);
	assert_int_equal(auth_token(p->store, header, p->now_us, &caller, &err), 0);
	assert_string_equal(caller.who, "村委会");
	header[strlen(header) - 2] ^= 1;
	assert_int_equal(auth_token(p->store, header, p->now_us, &caller, &err), -EACCES);

	const struct paper_call list = {.method = "GET", .target = "/api/v1/tokens"};
	AUTO(paper_answer_done) struct paper_answer listed = paper_call(p, &list);
	assert_non_null(strstr(listed.body, "村委会"));
	assert_null(strstr(listed.body, secret));
	json_decref(body);

	AUTO(paper_answer_done) struct paper_answer again = paper_call(p, &make);
	assert_int_equal(again.status, 409);
	const struct paper_call drop = {.method = "DELETE", .target = made.location};
	AUTO(paper_answer_done) struct paper_answer dropped = paper_call(p, &drop);
	assert_int_equal(dropped.status, 204);
	assert_null(dropped.body);
	AUTO(paper_answer_done) struct paper_answer twice = paper_call(p, &drop);
	assert_int_equal(twice.status, 404);
}

static void odd_authorizations_are_refused(void **state) {
	struct paper *p = *state;
	static const char *const headers[] = {NULL,         "",          "Bearer",
					      "Bearer ",    "Bearer   ", "Basic abc",
					      "Bearer x y", "Token abc"};
	AUTO(free) char *huge = malloc(5000);
	memset(huge, 'a', 4999);
	huge[4999] = '\0';
	memcpy(huge, "Bearer ", 7);
	for (size_t i = 0; i <= LENGTH(headers); i++) {
		struct caller caller;
		struct error err = {0};
		const char *header = i < LENGTH(headers) ? headers[i] : huge;
		assert_int_equal(auth_token(p->store, header, p->now_us, &caller, &err),
				 -EACCES);
		assert_non_null(strstr(err.text, "dalabactl token add"));
	}
}

/* Every route can be reached, by one handler. */
static void routes_are_found(void **state) {
	(void)state;
	const struct route *route = NULL;
	size_t n = 0;
	for (; (route = routes_nth(n)) != NULL; n++) {
		char path[256] = "";
		const char *prefix = (route->flags & ROUTE_TOP) != 0 ? "" : "/api/v1";
		AUTO(str_done) struct str text = STR_INIT;
		assert_int_equal(str_append(&text, prefix), 0);
		for (const char *at = route->path; *at != '\0';) {
			if (strncmp(at, "{id}", 4) == 0) {
				assert_int_equal(str_append(&text, "42"), 0);
				at += 4;
			} else if (strncmp(at, "{clip}", 6) == 0) {
				assert_int_equal(str_printf(&text, "%064d", 0xA), 0);
				at += 6;
			} else {
				assert_int_equal(str_append_bytes(&text, at++, 1), 0);
			}
		}
		snprintf(path, sizeof(path), "%s", text.data);
		struct route_match match;
		assert_int_equal(routes_find(route->method, path, &match), 0);
		assert_ptr_equal(match.route, route);
		assert_non_null(match.route->handle);
	}
	assert_true(n >= 4);
}

static int set_up(void **state) {
	static struct paper paper;
	paper_init(&paper, NULL);
	*state = &paper;
	return 0;
}

static int tear_down(void **state) {
	paper_done(*state);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_mistake_has_its_answer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_problem_has_all_its_members, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_deep_body_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_body_has_a_largest_size, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(tokens_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(odd_authorizations_are_refused, set_up,
						tear_down),
		cmocka_unit_test(routes_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
