/* api_status.c - what the box does now: its clock, its zones, what is wrong. */
#include "render.h"
#include "request.h"

#define PAGE 1000

/* All zones, by pages, each with what its output says. */
static int add_zones(const struct admin_config *config, json_t *items,
		     struct error *err) {
	struct store_page page = {.limit = PAGE};
	size_t n = 0;
	do {
		struct zone *zones = NULL;
		int rc = store_zone_list(config->store, page, &zones, &n, err);
		if (rc < 0) {
			return rc;
		}
		for (size_t i = 0; i < n; i++) {
			struct admin_zone_status status = {0};
			config->ops->zone_status(config->ctx, zones[i].id, &status);
			json_array_append_new(items,
					      render_zone_status(&zones[i], &status));
			page.after = zones[i].id;
		}
		zone_list_free(zones, n);
	} while (n == PAGE);
	return 0;
}

static int add_faults(const struct admin_config *config, json_t *items,
		      struct error *err) {
	AUTO(free) struct admin_fault *faults = NULL;
	size_t n = 0;
	int rc = config->ops->faults(config->ctx, &faults, &n, err);
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		json_array_append_new(items, render_fault(config->tz, &faults[i]));
	}
	return rc;
}

static void get_status(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	struct admin_clock clock = {0};
	json_t *zones = json_array();
	json_t *faults = json_array();
	config->ops->clock(config->ctx, &clock);
	if (add_zones(config, zones, &err) < 0 || add_faults(config, faults, &err) < 0) {
		json_decref(zones);
		json_decref(faults);
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200,
		   json_pack("{s:o, s:o, s:o, s:o, s:s}", "clock",
			     render_clock(config->tz, &clock), "zones", zones, "faults",
			     faults, "holidays", render_holidays(config, clock.now_us),
			     "version", DALABA_VERSION));
}

const struct route *api_status_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/status", BODY_NONE, NULL, 0, get_status},
		{.path = NULL},
	};
	return routes;
}
