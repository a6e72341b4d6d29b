/* length.h - how long an announcement is heard, before it is. Owner: none, no state.
 * Threads: the core thread alone. Blocks: on reads of the store. */
#pragma once

#include "library.h"

/* Repeats and gaps included, nothing but what is said. Words that are not spoken yet are
 * estimated by their number, and *ret_estimated says so; a clip that is gone counts as
 * nothing. Returns 0, or what the store says. */
int content_length(struct store *store, struct library *library,
		   const struct content *content, int64_t *ret_ms, bool *ret_estimated,
		   struct error *err);
