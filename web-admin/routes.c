/* routes.c - see routes.h. A line here joins the table of an api_*.c. */
#include "routes.h"

#include "admin_internal.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

typedef const struct route *(*table_fn)(void);

static const table_fn tables[] = {
	api_alerts_routes,    api_announcements_routes, api_areas_routes,
	api_calendars_routes, api_clips_routes,         api_health_routes,
	api_live_routes,      api_outputs_routes,       api_overrides_routes,
	api_plan_routes,      api_recordings_routes,    api_rules_routes,
	api_runs_routes,      api_schedules_routes,     api_status_routes,
	api_tokens_routes,    api_zones_routes,         events_routes,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

static bool take_id(const char *text, size_t len, int64_t *ret) {
	char digits[24];
	if (len == 0 || len >= sizeof(digits) || text[0] < '1' || text[0] > '9') {
		return false;
	}
	memcpy(digits, text, len);
	digits[len] = '\0';
	return parse_int64(digits, 1, INT64_MAX, ret) == 0;
}

static bool take_clip(const char *text, size_t len, char ret[CLIP_ID_SIZE]) {
	if (len != CLIP_ID_SIZE - 1) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
			return false;
		}
		ret[i] = c;
	}
	ret[len] = '\0';
	return true;
}

static bool take_name(const char *text, size_t len, char ret[ROUTE_NAME_SIZE]) {
	if (len == 0 || len >= ROUTE_NAME_SIZE) {
		return false;
	}
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

/* pattern and path both begin with a slash. */
static bool matches(const char *pattern, const char *path, struct route_match *ret) {
	while (pattern[0] == '/' && path[0] == '/') {
		pattern++;
		path++;
		size_t wanted = strcspn(pattern, "/");
		size_t given = strcspn(path, "/");
		bool same = false;
		if (wanted == 4 && memcmp(pattern, "{id}", 4) == 0) {
			same = take_id(path, given, &ret->id);
		} else if (wanted == 6 && memcmp(pattern, "{clip}", 6) == 0) {
			same = take_clip(path, given, ret->clip);
		} else if (wanted == 6 && memcmp(pattern, "{name}", 6) == 0) {
			same = take_name(path, given, ret->name);
		} else {
			same = wanted == given && memcmp(pattern, path, given) == 0;
		}
		if (!same) {
			return false;
		}
		pattern += wanted;
		path += given;
	}
	return pattern[0] == '\0' && path[0] == '\0';
}

const struct route *routes_nth(size_t n) {
	for (size_t i = 0; i < TABLES; i++) {
		for (const struct route *route = tables[i](); route->path != NULL;
		     route++) {
			if (n-- == 0) {
				return route;
			}
		}
	}
	return NULL;
}

static const char *method_name(enum method method) {
	static const char *const names[] = {
		[METHOD_GET] = "GET, HEAD",
		[METHOD_POST] = "POST",
		[METHOD_PATCH] = "PATCH",
		[METHOD_DELETE] = "DELETE",
	};
	return names[method];
}

int routes_find(enum method method, const char *path, struct route_match *ret) {
	static const size_t prefix = sizeof(API_PREFIX) - 1;
	bool below = strncmp(path, API_PREFIX "/", prefix + 1) == 0;
	struct route_match match = {0};
	const struct route *route = NULL;
	for (size_t n = 0; (route = routes_nth(n)) != NULL; n++) {
		bool top = (route->flags & ROUTE_TOP) != 0;
		if ((!top && !below) ||
		    !matches(route->path, top ? path : path + prefix, &match)) {
			continue;
		}
		if (route->method == method) {
			match.route = route;
			*ret = match;
			return 0;
		}
		size_t used = strlen(match.allow);
		snprintf(match.allow + used, sizeof(match.allow) - used, "%s%s",
			 used > 0 ? ", " : "", method_name(route->method));
	}
	*ret = match;
	return match.allow[0] != '\0' ? -EPERM : -ENOENT;
}
