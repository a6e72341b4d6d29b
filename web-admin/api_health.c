/* api_health.c - GET /healthz: the daemon turns. Open, and says nothing else. */
#include "request.h"

static void get_health(struct request *r) {
	reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

const struct route *api_health_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/healthz", BODY_NONE, NULL, ROUTE_OPEN | ROUTE_TOP,
		 get_health},
		{.path = NULL},
	};
	return routes;
}
