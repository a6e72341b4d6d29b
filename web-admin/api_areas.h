/* api_areas.h - how other calls name an area. Threads: the core thread. */
#pragma once

#include "request.h"

/* A member that is an area's id or its code, or null for none (0). 1 where it was there,
 * 0 where absent; -EINVAL with the field where there is no such area. */
int area_field(struct store *store, const json_t *object, const char *name, int64_t *ret,
	       struct error *err);
