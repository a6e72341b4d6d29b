/* events.c - GET /events: server-sent events (WHATWG HTML, section 9.2), see events.h.
 *
 * A listener first gets the whole picture (status of every zone, every fault, every alert
 * in force), then what changes; so one that comes back needs no memory of what it missed.
 * Each has a bounded queue of its own. */
#include "events.h"

#include "base/str.h"
#include "render.h"
#include "request_internal.h"

#include <string.h>
#include <syslog.h>

#define LISTENERS_MAX 16
#define QUEUE_MAX ((size_t)512 * 1024)
#define ALIVE_US INT64_C(15000000)
#define LEVEL_US INT64_C(100000)
#define SILENT_DB (-120.0)
#define PAGE 500

struct listener {
	struct listener *next;
	struct events *events;
	struct request *request;
	struct str queue;
	size_t sent; /* of the queue */
	bool over;   /* cut off; its end is on the way */
};

/* A zone whose level is told: until it plays no more and was told silent. */
struct gauge {
	int64_t zone;
	bool silent; /* as it was told last; at first too */
};

struct events {
	struct admin *admin;
	struct listener *listeners;
	size_t n;
	struct gauge *gauges;
	size_t n_gauges;
	int64_t alive_at_us;
	int64_t level_at_us;
	int64_t level_from_us; /* all before was told */
};

int events_new(struct admin *a, struct events **ret, struct error *err) {
	struct events *e = calloc(1, sizeof(*e));
	if (e == NULL) {
		return error_set(err, ENOMEM, "no memory for events");
	}
	e->admin = a;
	*ret = e;
	return 0;
}

void events_free(struct events *e) {
	if (e == NULL) {
		return;
	}
	free(e->gauges);
	free(e);
}

/* ------------------------------------------------------------------------- listeners */

static void listener_cut(struct listener *l) {
	if (!l->over) {
		l->over = true;
		request_stream_cut(l->request);
	}
}

static ssize_t listener_read(void *arg, char *buffer, size_t size) {
	struct listener *l = arg;
	size_t left = l->queue.len - l->sent;
	size_t n = left < size ? left : size;
	if (n > 0) {
		memcpy(buffer, l->queue.data + l->sent, n);
		l->sent += n;
	}
	if (l->sent == l->queue.len) {
		str_done(&l->queue);
		l->queue = (struct str)STR_INIT;
		l->sent = 0;
	}
	return n > 0 || !l->over ? (ssize_t)n : -1;
}

static void listener_done(void *arg) {
	struct listener *l = arg;
	struct listener **at = &l->events->listeners;
	while (*at != l) {
		at = &(*at)->next;
	}
	*at = l->next;
	l->events->n--;
	str_done(&l->queue);
	free(l);
}

/* Who reads, but never all of it, is not to make the queue longer and longer. */
static void listener_shorten(struct listener *l) {
	if (l->sent > QUEUE_MAX) {
		l->queue.len -= l->sent;
		memmove(l->queue.data, l->queue.data + l->sent, l->queue.len + 1);
		l->sent = 0;
	}
}

static void listener_tell(struct listener *l, const char *text, size_t len) {
	if (l->over) {
		return;
	}
	listener_shorten(l);
	if (l->queue.len - l->sent + len > QUEUE_MAX ||
	    str_append_bytes(&l->queue, text, len) < 0) {
		admin_log(l->events->admin, LOG_NOTICE,
			  "%s does not read its events and was cut off",
			  request_who(l->request));
		listener_cut(l);
		return;
	}
	request_stream_wake(l->request);
}

/* Takes data; NULL (no memory) cuts everybody off: they come back for the picture. */
static void tell(struct events *e, struct listener *only, const char *name,
		 json_t *data) {
	AUTO(free)
	char *json = data != NULL
			     ? json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(15))
			     : NULL;
	json_decref(data);
	AUTO(str_done) struct str text = STR_INIT;
	bool made = json != NULL &&
		    str_printf(&text, "event: %s\ndata: %s\n\n", name, json) >= 0;
	for (struct listener *l = e->listeners; l != NULL; l = l->next) {
		if (only != NULL && l != only) {
			continue;
		}
		if (made) {
			listener_tell(l, text.data, text.len);
		} else {
			listener_cut(l);
		}
	}
}

/* ---------------------------------------------------------------------- what is told */

static void add_gauge(struct events *e, const struct zone *zone) {
	for (size_t i = 0; i < e->n_gauges; i++) {
		if (e->gauges[i].zone == zone->id) {
			return;
		}
	}
	struct gauge *gauges = reallocarray(e->gauges, e->n_gauges + 1, sizeof(*gauges));
	if (gauges == NULL) {
		admin_log(e->admin, LOG_WARNING, "no memory to tell the level of '%s'",
			  zone->name);
		return;
	}
	/* What was before nobody is told. */
	int64_t past_us = admin_monotonic_us() - LEVEL_US;
	if (e->n_gauges == 0 && e->level_from_us < past_us) {
		e->level_from_us = past_us;
	}
	e->gauges = gauges;
	gauges[e->n_gauges++] = (struct gauge){.zone = zone->id, .silent = true};
}

static void tell_zone(struct events *e, struct listener *only, const struct zone *zone) {
	const struct admin_config *config = &e->admin->config;
	struct admin_zone_status status = {0};
	config->ops->zone_status(config->ctx, zone->id, &status);
	if (status.state == ADMIN_ZONE_PLAYING) {
		add_gauge(e, zone);
	}
	tell(e, only, "status", render_zone_status(zone, &status));
}

static void tell_fault(struct events *e, struct listener *only,
		       const struct admin_fault *fault, bool over) {
	json_t *data = render_fault(e->admin->config.tz, fault);
	if (data != NULL && json_object_set_new(data, "over", json_boolean(over)) < 0) {
		json_decref(data);
		data = NULL;
	}
	tell(e, only, "fault", data);
}

static void tell_alert(struct events *e, struct listener *only,
		       const struct alert *alert) {
	tell(e, only, "alert", render_alert(e->admin->config.tz, alert));
}

static int tell_picture(struct events *e, struct listener *l, struct error *err) {
	const struct admin_config *config = &e->admin->config;
	struct store_page page = {.after = 0, .limit = PAGE};
	size_t n = 0;
	do {
		struct zone *zones = NULL;
		int rc = store_zone_list(config->store, page, &zones, &n, err);
		if (rc < 0) {
			return rc;
		}
		for (size_t i = 0; i < n; i++) {
			tell_zone(e, l, &zones[i]);
			page.after = zones[i].id;
		}
		zone_list_free(zones, n);
	} while (n == PAGE);
	AUTO(free) struct admin_fault *faults = NULL;
	size_t n_faults = 0;
	int rc = config->ops->faults(config->ctx, &faults, &n_faults, err);
	for (size_t i = 0; rc >= 0 && i < n_faults; i++) {
		tell_fault(e, l, &faults[i], false);
	}
	const struct alert *alert = NULL;
	for (size_t i = 0; (alert = config->ops->alert_nth(config->ctx, i)) != NULL;
	     i++) {
		tell_alert(e, l, alert);
	}
	return rc;
}

static void get_events(struct request *r) {
	struct events *e = request_admin(r)->events;
	if (e == NULL || e->n >= LISTENERS_MAX) {
		reply_problem(r, 503, NULL,
			      "%d listen to the events already; close one of them",
			      LISTENERS_MAX);
		return;
	}
	struct listener *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		reply_problem(r, 503, NULL, "no memory for another listener");
		return;
	}
	l->events = e;
	l->request = r;
	l->next = e->listeners;
	e->listeners = l;
	if (e->n++ == 0) {
		e->alive_at_us = admin_monotonic_us() + ALIVE_US;
		e->n_gauges = 0;
	}
	static const char hello[] = "retry: 2000\n\n";
	struct error err = {0};
	listener_tell(l, hello, strlen(hello));
	if (tell_picture(e, l, &err) < 0) {
		listener_done(l);
		reply_error(r, &err);
		return;
	}
	reply_stream(r, "text/event-stream",
		     (struct stream){listener_read, listener_done, l});
}

const struct route *events_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/events", BODY_NONE, NULL, 0, get_events},
		{.path = NULL},
	};
	return routes;
}

void events_run(struct events *e, int64_t run) {
	if (e->n == 0) {
		return;
	}
	const struct admin_config *config = &e->admin->config;
	struct run row = {0};
	struct error err = {0};
	int rc = store_run_get(config->store, run, &row, &err);
	if (rc >= 0) {
		tell(e, NULL, "run", render_run(config->tz, &row));
		run_done(&row);
	} else if (rc != -ENOENT) {
		admin_log(e->admin, LOG_WARNING, "run %lld could not be told: %s",
			  (long long)run, err.text);
	}
}

void events_status(struct events *e, int64_t zone) {
	if (e->n == 0) {
		return;
	}
	struct zone row = {0};
	struct error err = {0};
	int rc = store_zone_get(e->admin->config.store, zone, &row, &err);
	if (rc >= 0) {
		tell_zone(e, NULL, &row);
		zone_done(&row);
	} else if (rc != -ENOENT) {
		admin_log(e->admin, LOG_WARNING, "zone %lld could not be told: %s",
			  (long long)zone, err.text);
	}
}

void events_alert(struct events *e, const struct alert *alert) {
	if (e->n > 0) {
		tell_alert(e, NULL, alert);
	}
}

void events_fault(struct events *e, const struct admin_fault *fault, bool over) {
	if (e->n > 0) {
		tell_fault(e, NULL, fault, over);
	}
}

/* ----------------------------------------------------------------------------- time */

/* Of what was heard since the last time, however long ago that is. */
static void tell_levels(struct events *e, int64_t now_us) {
	const struct admin_config *config = &e->admin->config;
	json_t *zones = json_array();
	size_t left = 0;
	for (size_t i = 0; i < e->n_gauges; i++) {
		struct gauge g = e->gauges[i];
		struct admin_zone_status status = {0};
		struct admin_level level = {0};
		config->ops->zone_status(config->ctx, g.zone, &status);
		config->ops->zone_level(config->ctx, g.zone, e->level_from_us, now_us,
					&level);
		bool silent = level.peak_db <= SILENT_DB;
		if (!silent || !g.silent) {
			json_array_append_new(zones, json_pack("{s:I, s:f, s:f}", "id",
							       (json_int_t)g.zone,
							       "level_db", level.rms_db,
							       "peak_db", level.peak_db));
		}
		g.silent = silent;
		if (!silent || status.state == ADMIN_ZONE_PLAYING) {
			e->gauges[left++] = g;
		}
	}
	e->n_gauges = left;
	e->level_from_us = now_us;
	if (json_array_size(zones) > 0) {
		tell(e, NULL, "level", json_pack("{s:o}", "zones", zones));
	} else {
		json_decref(zones);
	}
}

int64_t events_timeout_us(const struct events *e, int64_t now_us) {
	if (e->n == 0) {
		return -1;
	}
	int64_t next_us = e->alive_at_us;
	if (e->n_gauges > 0 && e->level_at_us < next_us) {
		next_us = e->level_at_us;
	}
	return next_us > now_us ? next_us - now_us : 0;
}

void events_work(struct events *e, int64_t now_us) {
	if (e->n == 0) {
		return;
	}
	if (e->n_gauges > 0 && e->level_at_us <= now_us) {
		/* On its beat, where it was not missed altogether. */
		int64_t next_us = e->level_at_us + LEVEL_US;
		e->level_at_us = next_us > now_us ? next_us : now_us + LEVEL_US;
		tell_levels(e, now_us);
	}
	if (e->alive_at_us <= now_us) {
		/* A comment: keeps proxies patient, and finds out who has gone. */
		static const char alive[] = ":\n\n";
		e->alive_at_us = now_us + ALIVE_US;
		for (struct listener *l = e->listeners; l != NULL; l = l->next) {
			listener_tell(l, alive, strlen(alive));
		}
	}
}
