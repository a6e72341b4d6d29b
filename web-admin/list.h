/* list.h - lists come by pages: {items: [...], next: cursor or null}; `limit` 1 to 1000
 * (100 where absent), `cursor` is what the page before said. Threads: the core thread. */
#pragma once

#include "request.h"

/* What the query asks for. */
int list_page(const struct request *r, struct store_page *ret, struct error *err);
/* The same of what has happened, the newest first; its state is the caller's to read. */
int list_filter(const struct request *r, struct store_filter *ret, struct error *err);
/* Answers a page of n items (taken), the last of them with this id. */
void list_reply(struct request *r, const struct store_page *page, json_t *items, size_t n,
		int64_t last_id);
/* The same with a cursor of another kind; NULL where there is no more. */
void list_reply_cursor(struct request *r, json_t *items, const char *cursor);
