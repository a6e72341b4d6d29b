/* fuzz_request.c - any request to the real handlers, over a store in memory and a daemon
 * of paper. The first line is "METHOD TARGET", the rest is the body. Whatever comes, the
 * answer has a status of ours and is JSON, and no mistake of a caller is a failure of the
 * box. */
#include "tests/unit/paper_admin.h"

#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct paper paper;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc;
	(void)argv;
	paper_init(&paper, NULL);
	paper.joined = true;
	return 0;
}

static void check_problem(const json_t *body, int status) {
	static const char *const texts[] = {"type", "title", "detail"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = json_string_value(json_object_get(body, texts[i]));
		assert(text != NULL && text[0] != '\0');
	}
	assert(json_integer_value(json_object_get(body, "status")) == status);
	const json_t *field = json_object_get(body, "field");
	assert(field == NULL || json_string_length(field) > 0);
}

static void check(const struct paper_answer *a) {
	assert(a->status >= 200 && a->status < 600 && a->status != 500);
	if (a->status >= 500) {
		assert(a->status == 503);
	}
	if (a->body == NULL) {
		return; /* 204, a file, the events */
	}
	json_t *body = json_loads(a->body, 0, NULL);
	assert(json_is_object(body));
	if (a->status >= 400) {
		check_problem(body, a->status);
	}
	json_decref(body);
	assert(a->status != 201 || strncmp(a->location, "/api/v1/", 8) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const char *text = (const char *)data;
	const char *line = memchr(text, '\n', size);
	const char *space =
		line != NULL ? memchr(text, ' ', (size_t)(line - text)) : NULL;
	/* The library ends a target at the first of these. */
	if (space == NULL || memchr(text, '\0', (size_t)(line - text)) != NULL) {
		return -1;
	}
	AUTO(free) char *method = strndup(text, (size_t)(space - text));
	AUTO(free) char *target = strndup(space + 1, (size_t)(line - space - 1));
	size_t len = size - (size_t)(line + 1 - text);
	struct paper_call call = {
		.method = method,
		.target = target,
		.type = "application/json",
		.body = len > 0 ? line + 1 : NULL,
		.len = len,
	};
	struct error err = {0};
	int rc = store_begin(paper.store, &err);
	assert(rc == 0);
	AUTO(paper_answer_done) struct paper_answer a = paper_call(&paper, &call);
	if (a.late != NULL) {
		if (paper.alert_done != NULL) {
			paper_sounded(&paper, len % 2 == 0 ? 7 : -1);
		} else {
			paper_imported(&paper,
				       len % 2 == 0 ? NULL : "it does not decode");
		}
		paper_late(&a);
	}
	store_rollback(paper.store);
	paper.alert.id = 0; /* as if it had never been */
	check(&a);
	return 0;
}
