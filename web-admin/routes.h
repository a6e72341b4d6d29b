/* routes.h - which handler a method and a path mean. Owner: none, constant. Threads: any.
 * Never blocks. */
#pragma once

#include "request.h"

struct route_match {
	const struct route *route;
	int64_t id;
	char clip[CLIP_ID_SIZE];
	char name[ROUTE_NAME_SIZE];
	char allow[64]; /* of the path, where its methods are others */
};

/* path: decoded, whole. -ENOENT: no such path; -EPERM: not with this method, and
 * ret->allow is set. */
int routes_find(enum method method, const char *path, struct route_match *ret);
/* The n-th of all, NULL behind the last; for tests that walk over them. */
const struct route *routes_nth(size_t n);
