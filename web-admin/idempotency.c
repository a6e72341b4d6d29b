/* idempotency.c - see idempotency.h. */
#include "idempotency.h"

#include <string.h>
#include <syslog.h>

#define KEY_MAX 255

int idempotency_take_key(struct request *r, struct error *err) {
	const char *key = request_header(r, "Idempotency-Key");
	if (key == NULL || r->method != METHOD_POST ||
	    (r->route->flags & ROUTE_SECRET) != 0) {
		return 0;
	}
	size_t len = strlen(key);
	for (size_t i = 0; i < len; i++) {
		if (key[i] <= 0x20 || key[i] >= 0x7f) {
			len = 0;
		}
	}
	if (len == 0 || len > KEY_MAX) {
		return error_set_field(err, EINVAL, "Idempotency-Key",
				       "the header Idempotency-Key has 1 to %d visible "
				       "ASCII characters, such as a UUID",
				       KEY_MAX);
	}
	r->key = strdup(key);
	r->hash = hash_new();
	if (r->key == NULL || r->hash == NULL) {
		return error_set(err, ENOMEM, "no memory for a request");
	}
	hash_add(r->hash, r->target, strlen(r->target) + 1);
	return 0;
}

/* True where another with this key is still being worked on. */
static bool under_way(const struct request *r) {
	for (const struct request *o = r->admin->requests; o != NULL; o = o->next) {
		if (o != r && o->key != NULL && o->stage == STAGE_DEFERRED &&
		    strcmp(o->key, r->key) == 0 &&
		    strcmp(o->caller.key, r->caller.key) == 0) {
			return true;
		}
	}
	return false;
}

bool idempotency_begin(struct request *r) {
	if (r->key == NULL) {
		return false;
	}
	hash_end(r->hash, r->sha256);
	if (under_way(r)) {
		reply_problem(
			r, 409, "Idempotency-Key",
			"the first request with this Idempotency-Key is still being "
			"worked on; ask again in a moment");
		return true;
	}
	struct store *store = r->admin->config.store;
	struct answer answer = {0};
	struct error err = {0};
	int rc = store_answer_get(store, r->caller.key, r->key, &answer, &err);
	if (rc == 0 && strcmp(answer.request_sha256, r->sha256) != 0) {
		reply_problem(r, 422, "Idempotency-Key",
			      "this Idempotency-Key was used for another request; use a "
			      "new one for each");
	} else if (rc == 0) {
		reply_again(r, &answer);
	} else if (rc != -ENOENT && (r->route->flags & ROUTE_URGENT) != 0) {
		admin_log(r->admin, LOG_ERR, "%s: its Idempotency-Key is ignored: %s",
			  r->path, err.text);
		free(MOVE(r->key));
	} else if (rc != -ENOENT) {
		reply_error(r, &err);
	} else if (r->route->body != BODY_RAW) {
		rc = store_begin(store, &err);
		r->joined = rc == 0;
		if (rc < 0) {
			reply_error(r, &err);
		}
	}
	answer_done(&answer);
	return r->stage == STAGE_ANSWERED;
}

/* Answers to mistakes are kept too: the same key gives the same answer. A failure of the
 * box is not one; the caller is to try again. */
static int keep(struct request *r, struct error *err) {
	if (r->reply.status >= 500) {
		return 0;
	}
	struct answer answer = {
		.request_sha256 = r->sha256,
		.status = r->reply.status,
		.location = r->reply.location,
		.body = r->reply.body,
	};
	struct store *store = r->admin->config.store;
	int rc = r->kept ? store_answer_change(store, r->caller.key, r->key, &answer, err)
			 : store_answer_put(store, r->caller.key, r->key, &answer,
					    request_now_us(r), err);
	r->kept = r->kept || rc == 0;
	return rc;
}

static void told_on(struct request *r, bool stands) {
	const struct admin_config *config = &r->admin->config;
	for (size_t i = 0; stands && i < r->n_changes; i++) {
		config->ops->changed(config->ctx, r->changes[i].table, r->changes[i].id);
	}
	for (size_t i = 0; !stands && i < r->pushed.n; i++) {
		struct error err = {0};
		int rc = config->ops->run_stop(config->ctx, r->pushed.items[i],
					       r->caller.who, &err);
		if (rc < 0 && rc != -EALREADY) {
			admin_log(r->admin, LOG_ERR,
				  "run %lld could not be recorded, nor stopped: %s",
				  (long long)r->pushed.items[i], err.text);
		}
	}
	if (!stands && r->alert != 0) {
		r->kept = false;
		config->ops->alert_lost(config->ctx, r->alert);
	}
	r->n_changes = 0;
	ids_done(&r->pushed);
}

void idempotency_end(struct request *r) {
	if (r->key == NULL) {
		return;
	}
	struct store *store = r->admin->config.store;
	struct error err = {0};
	bool answered = r->stage == STAGE_ANSWERED;
	bool held = r->stage == STAGE_DEFERRED && r->reply.status != 0;
	bool joined = r->joined;
	int rc = answered || held ? keep(r, &err) : 0;
	r->joined = false;
	if (joined && rc == 0) {
		rc = store_commit(store, &err);
	} else if (joined) {
		store_rollback(store);
	}
	told_on(r, rc == 0);
	if (rc == 0) {
		return;
	}
	if (!answered) {
		/* What it waits for will tell, and be answered. */
		admin_log(r->admin, LOG_ERR, "%s: %s", r->path, err.text);
		return;
	}
	if (r->reply.status < 500) {
		reply_clear(r);
		r->stage = STAGE_HANDLED;
		if (r->again != NULL) {
			r->again(r);
		} else {
			reply_error(r, &err);
		}
	}
}

void idempotency_late(struct request *r) {
	if (r->key == NULL) {
		return;
	}
	struct error err = {0};
	int rc = keep(r, &err);
	if (rc < 0) {
		/* The clip is there all the same, and is found again by its content. */
		admin_log(r->admin, LOG_WARNING,
			  "the answer for an Idempotency-Key could not be kept: %s",
			  err.text);
	}
}
