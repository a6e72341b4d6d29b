/* fetch.h - the bytes behind a http or https address, as they come. Owner: the program
 * dalaba-relay. Threads: one. Blocks: no longer than it is told to. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

struct fetch;

/* Nothing is asked of the network before fetch_read. -EINVAL, -ENOMEM. */
int fetch_open(const char *url, struct fetch **ret, struct error *err);
void fetch_free(struct fetch *f); /* NULL is fine */
DEFINE_AUTO(struct fetch *, fetch_free)

/* How many bytes, up to n; 0 where none came within wait_ms; -ENODATA: the other side has
 * ended it; -EIO: what went wrong, in words. */
int fetch_read(struct fetch *f, unsigned char *bytes, size_t n, int wait_ms,
	       struct error *err);
