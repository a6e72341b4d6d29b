/* list.c - see list.h. */
#include "list.h"

#include <stdio.h>

#define LIMIT_USUAL 100
#define LIMIT_MAX 1000

int list_page(const struct request *r, struct store_page *ret, struct error *err) {
	int64_t limit = LIMIT_USUAL;
	int64_t after = 0;
	int rc = request_query_int(r, "limit", 1, LIMIT_MAX, &limit, err);
	if (rc >= 0) {
		rc = request_query_int(r, "cursor", 0, INT64_MAX, &after, err);
	}
	if (rc < 0) {
		return rc;
	}
	*ret = (struct store_page){.after = after, .limit = (int)limit};
	return 0;
}

int list_filter(const struct request *r, struct store_filter *ret, struct error *err) {
	int64_t limit = LIMIT_USUAL;
	*ret = (struct store_filter){
		.from_us = TIME_NONE, .until_us = TIME_NONE, .state = -1};
	int rc = request_query_time(r, "from", &ret->from_us, err);
	if (rc >= 0) {
		rc = request_query_time(r, "to", &ret->until_us, err);
	}
	if (rc >= 0) {
		rc = request_query_int(r, "zone", 1, INT64_MAX, &ret->zone, err);
	}
	if (rc >= 0) {
		rc = request_query_int(r, "limit", 1, LIMIT_MAX, &limit, err);
	}
	if (rc >= 0) {
		rc = request_query_int(r, "cursor", 1, INT64_MAX, &ret->before, err);
	}
	ret->limit = (int)limit;
	return rc;
}

void list_reply_cursor(struct request *r, json_t *items, const char *cursor) {
	reply_json(r, 200, json_pack("{s:o, s:s?}", "items", items, "next", cursor));
}

void list_reply(struct request *r, const struct store_page *page, json_t *items, size_t n,
		int64_t last_id) {
	char cursor[24];
	snprintf(cursor, sizeof(cursor), "%lld", (long long)last_id);
	list_reply_cursor(r, items, n == (size_t)page->limit ? cursor : NULL);
}
