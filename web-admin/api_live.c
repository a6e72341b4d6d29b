/* api_live.c - live calls (喊话): who speaks sends what he says in pieces. A piece costs
 * no transaction: nothing of it is written, and an Idempotency-Key is not kept for it (it
 * has a number of its own). */
#include "fields.h"
#include "render.h"
#include "targets.h"

#include <string.h>

#define TITLE_MAX_CHARS 200
#define TITLE_DEFAULT "live call"
#define RATE_DEFAULT 16000

struct call_body {
	char *title;
	struct ids zones;
	struct texts areas;
	struct ids resolved;
	enum run_class class;
	bool quiet_confirmed;
	int64_t rate;
};

static void call_body_done(struct call_body *b) {
	free(b->title);
	ids_done(&b->zones);
	texts_done(&b->areas);
	ids_done(&b->resolved);
}
DEFINE_AUTO_DONE(struct call_body, call_body_done)

static int read_class(const json_t *body, struct call_body *b, struct error *err) {
	AUTO(free) char *class = NULL;
	int rc = field_text(body, "class", OPTIONAL, 1, 20, &class, err);
	if (rc > 0 && (run_class_parse(class, &b->class) < 0 || b->class < CLASS_NOTICE ||
		       b->class > CLASS_LIVE)) {
		return error_set_field(err, EINVAL, "class",
				       "\"class\" of a live call is live, notice or "
				       "programme; for an emergency use POST /alerts");
	}
	return rc;
}

static int read_call(struct request *r, struct call_body *b, struct error *err) {
	static const char *const names[] = {"zones", "areas",           "class", "title",
					    "rate",  "quiet_confirmed", NULL};
	const json_t *body = request_body(r);
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "title", OPTIONAL, 1, TITLE_MAX_CHARS, &b->title,
				err);
	}
	if (rc >= 0) {
		rc = read_class(body, b, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "rate", OPTIONAL, ADMIN_CALL_RATE_MIN,
			       ADMIN_CALL_RATE_MAX, &b->rate, err);
	}
	if (rc >= 0) {
		rc = field_bool(body, "quiet_confirmed", OPTIONAL, &b->quiet_confirmed,
				err);
	}
	if (rc >= 0) {
		rc = targets_read(body, &b->zones, &b->areas, err);
	}
	return rc < 0 ? rc
		      : targets_resolve(request_config(r)->store, &b->zones, &b->areas,
					&b->resolved, err);
}

/* The run it is, and what its pieces are. */
static void reply_call(struct request *r, int64_t id, int64_t rate) {
	const struct admin_config *config = request_config(r);
	AUTO(run_done) struct run run = {0};
	struct error err = {0};
	if (store_run_get(config->store, id, &run, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *whole = render_run(config->tz, &run);
	json_t *zones = json_incref(json_object_get(whole, "zones"));
	json_decref(whole);
	reply_created(r,
		      json_pack("{s:I, s:s, s:I, s:s, s:I, s:i, s:o}", "id",
				(json_int_t)id, "state", outcome_name(run.state), "run",
				(json_int_t)id, "class", run_class_name(run.class),
				"rate", (json_int_t)rate, "chunk_bytes_max",
				(int)(rate * ADMIN_CHUNK_BYTES_MAX / ADMIN_CALL_RATE_MAX),
				"zones", zones),
		      "/runs/%lld", (long long)id);
}

static void post_live(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(call_body_done)
	struct call_body b = {.class = CLASS_LIVE, .rate = RATE_DEFAULT};
	struct error err = {0};
	int64_t id = 0;
	int rc = read_call(r, &b, &err);
	if (rc >= 0) {
		struct admin_call call = {
			.title = b.title != NULL ? b.title : TITLE_DEFAULT,
			.zones = b.resolved,
			.class = b.class,
			.quiet_confirmed = b.quiet_confirmed,
			.rate = (int)b.rate,
			.author = request_who(r),
		};
		rc = config->ops->call(config->ctx, &call, &id, &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	request_pushed(r, id);
	reply_call(r, id, b.rate);
}

static const char *chunk_word(const struct admin_chunk *chunk) {
	switch (chunk->end) {
	case ADMIN_CHUNK_TAKEN:
		return "taken";
	case ADMIN_CHUNK_HELD:
		return "held";
	case ADMIN_CHUNK_DROPPED:
		return "dropped";
	}
	return "";
}

static void post_audio(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	struct admin_chunk chunk = {0};
	int64_t seq = -1;
	size_t n = 0;
	const void *bytes = request_bytes(r, &n);
	int rc = request_query_int(r, "seq", 0, INT32_MAX, &seq, &err);
	if (rc == 0) {
		rc = error_set_field(&err, EINVAL, "seq",
				     "number the pieces: ?seq=0, then 1, 2 and so on");
	}
	if (rc >= 0) {
		rc = config->ops->call_chunk(config->ctx, request_id(r), seq, bytes, n,
					     &chunk, &err);
	}
	if (rc == -E2BIG) {
		reply_problem(r, 413, NULL, "%s", err.text);
	} else if (rc < 0) {
		reply_error(r, &err);
	} else {
		reply_json(r, 200,
			   json_pack("{s:s, s:I, s:I, s:i}", "chunk", chunk_word(&chunk),
				     "next", (json_int_t)chunk.next, "lost",
				     (json_int_t)chunk.lost, "buffered_ms",
				     chunk.buffered_ms));
	}
}

static void delete_live(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	if (config->ops->call_end(config->ctx, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_empty(r);
}

const struct route *api_live_routes(void) {
	static const struct route routes[] = {
		{METHOD_POST, "/live", BODY_JSON, NULL, 0, post_live},
		{METHOD_POST, "/live/{id}/audio", BODY_CHUNK, "seq", ROUTE_SECRET,
		 post_audio},
		{METHOD_DELETE, "/live/{id}", BODY_NONE, NULL, 0, delete_live},
		{.path = NULL},
	};
	return routes;
}
