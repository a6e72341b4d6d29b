/* targets.h - where something sounds, as calls say it: zones by id, areas by code.
 * Threads: the core thread. */
#pragma once

#include "request.h"

/* Reads the members "zones" and "areas" where they are there. */
int targets_read(const json_t *body, struct ids *zones, struct texts *areas,
		 struct error *err);
/* The zones they mean now, at least one. -EINVAL with the field. */
int targets_resolve(struct store *store, const struct ids *zones,
		    const struct texts *areas, struct ids *ret, struct error *err);
