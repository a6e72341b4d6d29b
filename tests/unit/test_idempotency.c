/* test_idempotency.c - the same key gives the same answer and happens once, whatever goes
 * wrong in between. The calls are doubles: they take the place of api_health.c. */
#include "paper_admin.h"

#include "web-admin/fields.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#define JSON "application/json"
#define THINGS "/api/v1/things"

static struct request *waiting; /* the last that put its answer off */
static int handled;

/* {name, push, defer, undo, status}: a row, a run, and the answer asked for. */
static void post_thing(struct request *r) {
	const struct admin_config *config = request_config(r);
	const json_t *body = request_body(r);
	struct error err = {0};
	AUTO(free) char *name = NULL;
	bool push = false;
	bool defer = false;
	bool undo = false;
	int64_t status = 0;
	handled++;
	struct output output = {.pcm = (char *)(uintptr_t) "hw:0,0", .channels = 2};
	if (field_text(body, "name", REQUIRED, 1, 50, &name, &err) < 0 ||
	    field_bool(body, "push", OPTIONAL, &push, &err) < 0 ||
	    field_bool(body, "defer", OPTIONAL, &defer, &err) < 0 ||
	    field_bool(body, "undo", OPTIONAL, &undo, &err) < 0 ||
	    field_int(body, "status", OPTIONAL, 400, 599, &status, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	output.name = name;
	int64_t run = 0;
	if (request_begin(r, &err) < 0 ||
	    store_output_put(config->store, &output, &err) < 0 ||
	    (push && config->ops->zone_test(config->ctx, 1, "clerk", &run, &err) < 0)) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_OUTPUTS, output.id);
	if (push) {
		request_pushed(r, run);
	}
	if (undo) {
		request_rollback(r);
		reply_problem(r, 409, NULL, "undone");
	} else if (request_commit(r, &err) < 0) {
		reply_error(r, &err);
	} else if (defer) {
		waiting = r;
		request_defer(r);
	} else if (status != 0) {
		reply_problem(r, (int)status, NULL, "as asked for");
	} else {
		reply_created(r, json_pack("{s:I}", "id", (json_int_t)output.id),
			      "/things/%d", (int)output.id);
	}
}

const struct route *api_health_routes(void) {
	static const struct route routes[] = {
		{METHOD_POST, "/things", BODY_JSON, "q", 0, post_thing},
		{.path = NULL},
	};
	return routes;
}

static size_t rows(struct paper *p) {
	struct output *outputs = NULL;
	struct error err = {0};
	size_t n = 0;
	struct store_page page = {.limit = 100};
	assert_int_equal(store_output_list(p->store, page, &outputs, &n, &err), 0);
	output_list_free(outputs, n);
	return n;
}

static struct paper_answer post(struct paper *p, const char *key, const char *body) {
	struct paper_call call = {.method = "POST",
				  .target = THINGS,
				  .type = JSON,
				  .key = key,
				  .body = body};
	return paper_call(p, &call);
}

static void the_same_again_happens_once(void **state) {
	struct paper *p = *state;
	size_t before = rows(p);
	AUTO(paper_answer_done) struct paper_answer a = post(p, "k1", "{\"name\":\"a\"}");
	assert_int_equal(a.status, 201);
	assert_int_equal(rows(p), before + 1);
	assert_int_equal(p->changed, 1);
	for (int i = 0; i < 3; i++) {
		AUTO(paper_answer_done)
		struct paper_answer b = post(p, "k1", "{\"name\":\"a\"}");
		assert_int_equal(b.status, 201);
		assert_string_equal(a.body, b.body);
		assert_string_equal(a.location, b.location);
		assert_string_equal(b.type, JSON);
	}
	assert_int_equal(rows(p), before + 1);
	assert_int_equal(p->changed, 1);
	assert_int_equal(handled, 1);
	/* Without a key it is done again. */
	AUTO(paper_answer_done) struct paper_answer c = post(p, NULL, "{\"name\":\"a\"}");
	assert_int_equal(c.status, 409);
	assert_int_equal(handled, 2);
}

static void a_key_belongs_to_one_request_and_caller(void **state) {
	struct paper *p = *state;
	AUTO(paper_answer_done) struct paper_answer a = post(p, "k1", "{\"name\":\"a\"}");
	assert_int_equal(a.status, 201);
	AUTO(paper_answer_done) struct paper_answer b = post(p, "k1", "{\"name\":\"b\"}");
	assert_int_equal(b.status, 422);
	assert_non_null(strstr(b.body, "\"field\":\"Idempotency-Key\""));
	struct paper_call call = {.method = "POST",
				  .target = THINGS "?q=1",
				  .type = JSON,
				  .key = "k1",
				  .body = "{\"name\":\"a\"}"};
	AUTO(paper_answer_done) struct paper_answer c = paper_call(p, &call);
	assert_int_equal(c.status, 422);
	call.other = true;
	call.body = "{\"name\":\"c\"}";
	AUTO(paper_answer_done) struct paper_answer d = paper_call(p, &call);
	assert_int_equal(d.status, 201);
	assert_int_equal(handled, 2);
}

static void keys_have_a_form(void **state) {
	struct paper *p = *state;
	char key[260];
	memset(key, 'k', sizeof(key));
	key[255] = '\0';
	AUTO(paper_answer_done) struct paper_answer a = post(p, key, "{\"name\":\"a\"}");
	assert_int_equal(a.status, 201);
	key[255] = 'k';
	key[256] = '\0';
	const char *const wrong[] = {"", " ", "a b", "\xc3\xa4", "a\tb", key};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		AUTO(paper_answer_done)
		struct paper_answer b = post(p, wrong[i], "{\"name\":\"b\"}");
		assert_int_equal(b.status, 400);
	}
	assert_int_equal(handled, 1);
}

/* A mistake is answered the same again; a failure of the box may be tried again. */
static void which_answers_are_kept(void **state) {
	struct paper *p = *state;
	static const struct {
		const char *body;
		int status;
		int handled; /* after three times */
	} cases[] = {
		{"{\"name\":\"a\",\"status\":409}", 409, 1},
		{"{\"name\":\"b\",\"status\":422}", 422, 1},
		{"{\"name\":\"c\",\"undo\":true}", 409, 1},
		{"{\"name\":\"d\",\"status\":503}", 503, 2},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char key[8];
		snprintf(key, sizeof(key), "k%zu", i);
		handled = 0;
		AUTO(paper_answer_done)
		struct paper_answer a = post(p, key, cases[i].body);
		assert_int_equal(a.status, cases[i].status);
		AUTO(paper_answer_done)
		struct paper_answer b = post(p, key, cases[i].body);
		assert_int_equal(handled, cases[i].handled);
		assert_string_equal(b.type, "application/problem+json");
	}
}

static void an_undone_change_is_not_told_on(void **state) {
	struct paper *p = *state;
	size_t before = rows(p);
	AUTO(paper_answer_done)
	struct paper_answer a = post(p, "k", "{\"name\":\"a\",\"undo\":true}");
	assert_int_equal(a.status, 409);
	assert_int_equal(rows(p), before);
	assert_int_equal(p->changed, 0);
}

static void the_first_is_still_under_way(void **state) {
	struct paper *p = *state;
	static const char body[] = "{\"name\":\"a\",\"defer\":true}";
	AUTO(paper_answer_done) struct paper_answer a = post(p, "k", body);
	assert_int_equal(a.status, 0);
	assert_int_equal(p->changed, 1); /* it stands, whatever comes of the rest */
	AUTO(paper_answer_done) struct paper_answer b = post(p, "k", body);
	assert_int_equal(b.status, 409);
	assert_non_null(strstr(b.body, "still being worked on"));
	reply_created(waiting, json_pack("{s:i}", "id", 7), "/things/7");
	paper_late(&a);
	AUTO(paper_answer_done) struct paper_answer c = post(p, "k", body);
	assert_int_equal(c.status, 201);
	assert_string_equal(c.body, a.body);
	assert_int_equal(handled, 1);
}

/* The caller loses patience, and asks again when the work is done. */
static void an_answer_outlives_its_caller(void **state) {
	struct paper *p = *state;
	static const char body[] = "{\"name\":\"a\",\"defer\":true}";
	struct paper_answer a = post(p, "k", body);
	paper_answer_done(&a);
	reply_created(waiting, json_pack("{s:i}", "id", 7), "/things/7");
	AUTO(paper_answer_done) struct paper_answer b = post(p, "k", body);
	assert_int_equal(b.status, 201);
	assert_int_equal(handled, 1);
	/* Nor does the box wait for it. */
	struct paper_answer c = post(p, "k2", "{\"name\":\"c\",\"defer\":true}");
	assert_int_equal(c.status, 0);
	paper_answer_done(&c);
	admin_free(MOVE(p->admin));
	reply_problem(waiting, 503, NULL, "too late");
}

static void old_answers_are_swept(void **state) {
	struct paper *p = *state;
	AUTO(paper_answer_done) struct paper_answer a = post(p, "k", "{\"name\":\"a\"}");
	assert_int_equal(a.status, 201);
	for (int hours = 23; hours <= 25; hours += 2) {
		p->now_us += (int64_t)hours * 3600 * 1000000;
		p->admin->sweep_at_us = 0;
		admin_work(p->admin);
		AUTO(paper_answer_done)
		struct paper_answer b = post(p, "k", "{\"name\":\"a\"}");
		/* Done anew, the name is taken. */
		assert_int_equal(b.status, hours == 23 ? 201 : 409);
		p->now_us -= (int64_t)hours * 3600 * 1000000;
	}
}

/* The disk refuses the commit: nothing is told on, what sounds is stopped, and the same
 * again is done when there is room. */
static void a_refused_commit_leaves_nothing(void **state) {
	(void)state;
	char folder[] = "/tmp/test-idempotency-XXXXXX";
	assert_non_null(mkdtemp(folder));
	char path[64];
	char wal[80];
	snprintf(path, sizeof(path), "%s/box.db", folder);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	struct paper p;
	paper_init(&p, path);
	signal(SIGXFSZ, SIG_IGN);
	struct stat st;
	assert_int_equal(stat(wal, &st), 0);
	struct rlimit old;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	struct rlimit tight = {.rlim_cur = (rlim_t)st.st_size, .rlim_max = old.rlim_max};
	size_t before = rows(&p);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct paper_answer a = post(&p, "k", "{\"name\":\"a\",\"push\":true}");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(a.status >= 500);
	assert_int_equal(rows(&p), before);
	assert_int_equal(p.changed, 0);
	assert_int_equal(p.stopped, p.pushed);
	paper_answer_done(&a);

	struct paper_answer b = post(&p, "k", "{\"name\":\"a\",\"push\":true}");
	assert_int_equal(b.status, 201);
	assert_int_equal(rows(&p), before + 1);
	assert_int_equal(p.changed, 1);
	paper_answer_done(&b);
	paper_done(&p);
	unlink(path);
	unlink(wal);
	assert_int_equal(rmdir(folder), 0);
}

#define FLOOD "{\"headline\":\"Flood\",\"text\":\"climb\",\"zones\":[1]}"

static struct paper_answer post_alert(struct paper *p, const char *key,
				      const char *target, const char *body) {
	struct paper_call call = {.method = "POST",
				  .target = target,
				  .type = JSON,
				  .key = key,
				  .body = body};
	return paper_call(p, &call);
}

/* The key is kept in one transaction with the alert; the first sound is known later. */
static void an_alert_is_asked_for_once(void **state) {
	struct paper *p = *state;
	struct error err = {0};
	AUTO(paper_answer_done)
	struct paper_answer a = post_alert(p, "k", "/api/v1/alerts", FLOOD);
	assert_int_equal(a.status, 0);
	/* A box that dies here knows both. */
	AUTO(answer_done) struct answer kept = {0};
	assert_int_equal(store_answer_get(p->store, a.late->caller.key, "k", &kept, &err),
			 0);
	assert_int_equal(kept.status, 201);
	assert_non_null(strstr(kept.body, "\"first_sound_ms\":null"));
	AUTO(paper_answer_done)
	struct paper_answer b = post_alert(p, "k", "/api/v1/alerts", FLOOD);
	assert_int_equal(b.status, 409);
	paper_sounded(p, 12);
	paper_late(&a);
	assert_int_equal(a.status, 201);
	assert_non_null(strstr(a.body, "\"first_sound_ms\":12"));
	assert_string_equal(a.location, "/api/v1/alerts/1");
	AUTO(paper_answer_done)
	struct paper_answer c = post_alert(p, "k", "/api/v1/alerts", FLOOD);
	assert_int_equal(c.status, 201);
	assert_string_equal(c.body, a.body);
	AUTO(alert_done) struct alert none = {0};
	assert_int_equal(store_alert_get(p->store, 2, &none, &err), -ENOENT);
}

/* What was ordered sounds, or is silent; the caller learns that it is not on disk. */
static void a_refused_commit_silences_no_alert(void **state) {
	(void)state;
	char folder[] = "/tmp/test-idempotency-XXXXXX";
	assert_non_null(mkdtemp(folder));
	char path[64];
	char wal[80];
	snprintf(path, sizeof(path), "%s/box.db", folder);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	struct paper p;
	paper_init(&p, path);
	signal(SIGXFSZ, SIG_IGN);
	struct stat st;
	assert_int_equal(stat(wal, &st), 0);
	struct rlimit old;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	struct rlimit tight = {.rlim_cur = (rlim_t)st.st_size, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct paper_answer a = post_alert(&p, "k", "/api/v1/alerts", FLOOD);
	assert_int_equal(a.status, 0);
	assert_int_equal(p.lost, 1);
	paper_sounded(&p, 12);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	paper_late(&a);
	assert_int_equal(a.status, 201);
	assert_non_null(strstr(a.body, "\"on_disk\":false"));
	paper_answer_done(&a);

	struct paper_answer b = post_alert(&p, "k2", "/api/v1/alerts", FLOOD);
	paper_sounded(&p, 12);
	paper_late(&b);
	assert_int_equal(b.status, 201);
	paper_answer_done(&b);
	p.lost = 0;
	assert_int_equal(stat(wal, &st), 0);
	tight.rlim_cur = (rlim_t)st.st_size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct paper_answer c = post_alert(&p, "k3", "/api/v1/alerts/1/cancel", NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(p.lost, 1);
	assert_int_equal(c.status, 200);
	assert_non_null(strstr(c.body, "\"on_disk\":false"));
	paper_answer_done(&c);
	paper_done(&p);
	unlink(path);
	unlink(wal);
	assert_int_equal(rmdir(folder), 0);
}

static int set_up(void **state) {
	static struct paper paper;
	handled = 0;
	paper_init(&paper, NULL);
	*state = &paper;
	return 0;
}

static int tear_down(void **state) {
	paper_done(*state);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(the_same_again_happens_once),
		TEST(a_key_belongs_to_one_request_and_caller),
		TEST(keys_have_a_form),
		TEST(which_answers_are_kept),
		TEST(an_undone_change_is_not_told_on),
		TEST(the_first_is_still_under_way),
		TEST(an_answer_outlives_its_caller),
		TEST(old_answers_are_swept),
		TEST(an_alert_is_asked_for_once),
		cmocka_unit_test(a_refused_commit_leaves_nothing),
		cmocka_unit_test(a_refused_commit_silences_no_alert),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
