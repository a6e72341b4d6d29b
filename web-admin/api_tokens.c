/* api_tokens.c - bearer tokens for the API over TCP. A secret is shown once, in the
 * answer that made it, and is kept nowhere. */
#include "base/str.h"
#include "fields.h"
#include "render.h"
#include "request.h"

#include <string.h>

#define NAME_MAX_CHARS 100
#define LIMIT_MAX 1000

static json_t *render_token(const struct tz *tz, const struct token *token) {
	return json_pack("{s:I, s:s, s:o, s:o}", "id", (json_int_t)token->id, "name",
			 token->name, "created", render_time(tz, token->created_us),
			 "last_used", render_time(tz, token->last_used_us));
}

static void get_tokens(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	int64_t limit = 100;
	int64_t cursor = 0;
	if (request_query_int(r, "limit", 1, LIMIT_MAX, &limit, &err) < 0 ||
	    request_query_int(r, "cursor", 0, INT64_MAX, &cursor, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	struct token *tokens = NULL;
	size_t n = 0;
	struct store_page page = {.after = cursor, .limit = (int)limit};
	if (store_token_list(config->store, page, &tokens, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_token(config->tz, &tokens[i]));
	}
	bool more = n == (size_t)limit;
	json_t *next =
		more ? json_sprintf("%lld", (long long)tokens[n - 1].id) : json_null();
	token_list_free(tokens, n);
	reply_json(r, 200, json_pack("{s:o, s:o}", "items", items, "next", next));
}

/* The row of a name just given. */
static int find_token(struct store *store, const char *name, struct token *ret,
		      struct error *err) {
	struct store_page page = {.after = 0, .limit = LIMIT_MAX};
	for (;;) {
		struct token *tokens = NULL;
		size_t n = 0;
		int rc = store_token_list(store, page, &tokens, &n, err);
		if (rc < 0) {
			return rc;
		}
		bool found = false;
		for (size_t i = 0; i < n && !found; i++) {
			page.after = tokens[i].id;
			found = strcmp(tokens[i].name, name) == 0;
			if (found) {
				*ret = tokens[i];
				tokens[i] = (struct token){0};
			}
		}
		bool last = n < LIMIT_MAX;
		token_list_free(tokens, n);
		if (found || last) {
			return found ? 0
				     : error_set(err, EIO, "the token '%s' is gone",
						 name);
		}
	}
}

static void post_tokens(struct request *r) {
	static const char *const names[] = {"name", NULL};
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	AUTO(free) char *name = NULL;
	AUTO(free) char *secret = NULL;
	AUTO(token_done) struct token token = {0};
	int rc = fields_known(request_body(r), names, &err);
	if (rc >= 0) {
		rc = field_text(request_body(r), "name", REQUIRED, 1, NAME_MAX_CHARS,
				&name, &err);
	}
	if (rc >= 0) {
		rc = admin_token_new(config->store, name, request_now_us(r), &secret,
				     &err);
	}
	if (rc >= 0) {
		rc = find_token(config->store, name, &token, &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *body = render_token(config->tz, &token);
	if (json_object_set_new(body, "token", json_string(secret)) < 0) {
		json_decref(body);
		body = NULL;
	}
	reply_created(r, body, "/tokens/%lld", (long long)token.id);
}

static void delete_token(struct request *r) {
	struct error err = {0};
	if (store_token_delete(request_config(r)->store, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_empty(r);
}

const struct route *api_tokens_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/tokens", BODY_NONE, "limit cursor", 0, get_tokens},
		{METHOD_POST, "/tokens", BODY_JSON, NULL, ROUTE_SECRET, post_tokens},
		{METHOD_DELETE, "/tokens/{id}", BODY_NONE, NULL, 0, delete_token},
		{.path = NULL},
	};
	return routes;
}
