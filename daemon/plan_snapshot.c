/* plan_snapshot.c - see plan_snapshot.h. First the zones, then the runs that are there
 * already, then the schedules by pages, last those that are not saved. Targets are
 * resolved in memory, and each announcement is read once. */
#include "plan_snapshot.h"

#include "base/str.h"
#include "length.h"
#include "schedule/area.h"
#include "schedule/priority.h"

#include <search.h>
#include <string.h>

#define PAGE 100
#define NOTICE_SIZE 600

/* What a run takes from an announcement. */
struct said {
	int64_t id;
	bool there;
	struct plan_said it;
};

struct plan_snapshot {
	struct plan_snapshot_config config;
	struct plan_ask ask;
	struct plan_input in;
	char (*codes)[AREA_CODE_SIZE]; /* of each zone's area; "" for none */
	struct store_page page;
	bool begun;
	void *said; /* tsearch(3), by id */
};

static int no_memory(struct error *err) {
	return error_set(err, ENOMEM, "no memory for a plan");
}

static int notice(struct plan_snapshot *s, const char *en, const char *zh,
		  struct error *err) {
	return plan_notice(&s->in.notices, en, zh) < 0 ? no_memory(err) : 0;
}

/* -------------------------------------------------------------------------- the zones */

static int code_of(struct plan_snapshot *s, const struct zone *zone,
		   char ret[AREA_CODE_SIZE], struct error *err) {
	AUTO(area_done) struct area area = {0};
	ret[0] = '\0';
	if (zone->area == 0) {
		return 0;
	}
	int rc = store_area_get(s->config.store, zone->area, &area, err);
	return rc < 0 ? rc : area_code_normal(area.code, "areas", ret, err);
}

/* Takes a page of zones over. */
static int add_zones(struct plan_snapshot *s, struct zone *zones, size_t n,
		     struct error *err) {
	size_t all = s->in.n_zones + n;
	struct zone *grown = reallocarray(s->in.zones, all + 1, sizeof(*grown));
	s->in.zones = grown != NULL ? grown : s->in.zones;
	char(*codes)[AREA_CODE_SIZE] = reallocarray(s->codes, all + 1, sizeof(*codes));
	s->codes = codes != NULL ? codes : s->codes;
	if (grown == NULL || codes == NULL) {
		return no_memory(err);
	}
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = code_of(s, &zones[i], s->codes[s->in.n_zones], err);
		s->in.zones[s->in.n_zones++] = zones[i];
		zones[i] = (struct zone){0};
	}
	return rc;
}

static int read_zones(struct plan_snapshot *s, struct error *err) {
	struct store_page page = {.limit = 1000};
	size_t n = 0;
	do {
		struct zone *zones = NULL;
		int rc = store_zone_list(s->config.store, page, &zones, &n, err);
		if (rc >= 0 && n > 0) {
			page.after = zones[n - 1].id;
			rc = add_zones(s, zones, n, err);
		}
		zone_list_free(zones, zones != NULL ? n : 0);
		if (rc < 0) {
			return rc;
		}
	} while (n == (size_t)page.limit);
	return 0;
}

/* The place of a zone by its id; n_zones where it is not there. */
static size_t find_zone(const struct plan_snapshot *s, int64_t id) {
	size_t low = 0;
	size_t high = s->in.n_zones;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->in.zones[middle].id < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < s->in.n_zones && s->in.zones[low].id == id ? low : s->in.n_zones;
}

/* As store_targets_resolve: each once, ascending. */
static int resolve(const struct plan_snapshot *s, const struct schedule *schedule,
		   struct plan_source *ret, struct error *err) {
	AUTO(free) bool *meant = calloc(s->in.n_zones + 1, sizeof(*meant));
	ret->zones = calloc(s->in.n_zones + 1, sizeof(*ret->zones));
	if (meant == NULL || ret->zones == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < schedule->zones.n; i++) {
		meant[find_zone(s, schedule->zones.items[i])] = true;
	}
	for (size_t i = 0; i < schedule->areas.n; i++) {
		char above[AREA_CODE_SIZE];
		int rc = area_code_normal(schedule->areas.items[i], "areas", above, err);
		if (rc < 0) {
			return rc;
		}
		for (size_t z = 0; z < s->in.n_zones; z++) {
			meant[z] |= s->codes[z][0] != '\0' &&
				    area_code_within(s->codes[z], above);
		}
	}
	for (size_t z = 0; z < s->in.n_zones; z++) {
		if (meant[z]) {
			ret->zones[ret->n_zones++] = (uint32_t)z;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------------ the sources */

static int compare_said(const void *a, const void *b) {
	const struct said *x = a;
	const struct said *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static void said_free(void *node) {
	struct said *said = node;
	free(said->it.title);
	free(said);
}

static int read_said(struct plan_snapshot *s, struct said *said, struct error *err) {
	AUTO(announcement_done) struct announcement a = {0};
	int rc = store_announcement_get(s->config.store, said->id, &a, err);
	if (rc < 0) {
		return rc == -ENOENT ? 0 : rc;
	}
	said->there = true;
	said->it.announcement = a.id;
	said->it.title = MOVE(a.title);
	said->it.expires_us = a.expires_us;
	said->it.relayed = content_relayed(&a.content);
	return content_length(s->config.store, s->config.library, &a.content,
			      &said->it.length_ms, &said->it.estimated, err);
}

static int find_said(struct plan_snapshot *s, int64_t id, const struct said **ret,
		     struct error *err) {
	struct said key = {.id = id};
	void *node = tfind(&key, &s->said, compare_said);
	if (node != NULL) {
		*ret = *(struct said **)node;
		return 0;
	}
	struct said *said = calloc(1, sizeof(*said));
	if (said == NULL) {
		return no_memory(err);
	}
	said->id = id;
	int rc = read_said(s, said, err);
	if (rc >= 0 && tsearch(said, &s->said, compare_said) == NULL) {
		rc = no_memory(err);
	}
	if (rc < 0) {
		said_free(said);
		return rc;
	}
	*ret = said;
	return 0;
}

/* Dues up to this one were claimed before. */
static int64_t claimed_until(const struct plan_snapshot *s, int64_t schedule) {
	int64_t until_us = s->config.now_us;
	for (size_t i = 0; i < s->in.n_sources && s->in.sources[i].run != 0; i++) {
		const struct plan_source *source = &s->in.sources[i];
		if (source->schedule == schedule && source->due_us > until_us) {
			until_us = source->due_us;
		}
	}
	return until_us;
}

static int tell_nowhere(struct plan_snapshot *s, const struct plan_source *source,
			struct error *err) {
	char en[NOTICE_SIZE];
	char zh[NOTICE_SIZE];
	str_format(en, sizeof(en),
		   "'%s' (schedule %lld) sounds nowhere: no zone lies in "
		   "its areas",
		   source->said.title, (long long)source->schedule);
	str_format(zh, sizeof(zh), "“%s”（定时 %lld）无处可播：它的区划里没有分区",
		   source->said.title, (long long)source->schedule);
	return notice(s, en, zh, err);
}

static int tell_on_air(struct plan_snapshot *s, const struct run *run,
		       struct error *err) {
	char en[NOTICE_SIZE];
	char zh[NOTICE_SIZE];
	str_format(en, sizeof(en),
		   "'%s' (%s) is on the air; the plan is what comes when it is over",
		   run->title, run_class_name(run->class));
	str_format(zh, sizeof(zh), "“%s”（%s）正在播出；计划是它结束之后的情形",
		   run->title, run->class == CLASS_LIVE ? "喊话" : "应急");
	return notice(s, en, zh, err);
}

/* What is to come of the schedule and does something else just this once. */
static int add_overrides(struct plan_snapshot *s, const struct schedule *schedule,
			 struct plan_source *source, struct error *err) {
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < schedule->n_overrides; i++) {
		const struct override *o = &schedule->overrides[i];
		const struct said *other = NULL;
		if (o->due_us <= s->config.now_us && o->to_us <= s->config.now_us) {
			continue;
		}
		if (o->announcement != 0) {
			rc = find_said(s, o->announcement, &other, err);
		}
		/* An announcement goes after the overrides that need it: so has this one,
		 * since the draft was read. */
		if (rc < 0 || (other != NULL && !other->there)) {
			continue;
		}
		rc = plan_source_override(source, o, other != NULL ? &other->it : NULL);
		rc = rc < 0 ? no_memory(err) : 0;
	}
	return rc;
}

/* draft: its place among those that are not saved, or -1. */
static int add_schedule(struct plan_snapshot *s, const struct schedule *schedule,
			int draft, struct error *err) {
	const struct said *said = NULL;
	int rc = schedule->enabled ? find_said(s, schedule->announcement, &said, err) : 0;
	if (rc < 0 || !schedule->enabled || !said->there) {
		return rc;
	}
	struct plan_source *source = plan_input_add(&s->in);
	if (source == NULL) {
		return no_memory(err);
	}
	source->schedule = schedule->id;
	source->draft = draft;
	source->said = said->it;
	source->said.title = strdup(said->it.title);
	source->class = schedule->class;
	source->play_within_s = schedule->play_within_s;
	source->conflict = schedule->conflict;
	source->rule = strdup(schedule->rule);
	source->from_us = schedule->from_us;
	source->until_us = schedule->until_us;
	source->after_us = claimed_until(s, schedule->id);
	if (source->said.title == NULL || source->rule == NULL) {
		return no_memory(err);
	}
	rc = add_overrides(s, schedule, source, err);
	rc = rc < 0 ? rc : resolve(s, schedule, source, err);
	return rc < 0 || source->n_zones > 0 ? rc : tell_nowhere(s, source, err);
}

/* The draft in place of a saved schedule; -1: none. */
static int draft_of(const struct plan_snapshot *s, int64_t schedule) {
	for (size_t i = 0; i < s->ask.n_drafts; i++) {
		if (s->ask.drafts[i].id == schedule) {
			return (int)i;
		}
	}
	return -1;
}

/* Returns 1 where there are more pages. */
static int read_schedules(struct plan_snapshot *s, struct error *err) {
	struct schedule *schedules = NULL;
	size_t n = 0;
	int rc = store_schedule_list(s->config.store, s->page, &schedules, &n, err);
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		int draft = draft_of(s, schedules[i].id);
		s->page.after = schedules[i].id;
		rc = add_schedule(s, draft < 0 ? &schedules[i] : &s->ask.drafts[draft],
				  draft, err);
	}
	schedule_list_free(schedules, schedules != NULL ? n : 0);
	return rc < 0 ? rc : n == (size_t)s->page.limit;
}

static int read_drafts(struct plan_snapshot *s, struct error *err) {
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < s->ask.n_drafts; i++) {
		if (s->ask.drafts[i].id == 0) {
			rc = add_schedule(s, &s->ask.drafts[i], (int)i, err);
		}
	}
	return rc;
}

/* ----------------------------------------------------------------- the runs that are
 * there */

/* The passes to come count their patience from there. */
static void note_over(struct plan_source *source, const struct zone *zone,
		      const struct run_zone *rz) {
	if (rz->started_us == TIME_NONE || source->said.relayed ||
	    !class_has_passes(source->class)) {
		return;
	}
	int64_t over_us = rz->started_us + rz->played_ms * 1000;
	if (over_us > source->over_us) {
		source->over_us = over_us;
		source->over_pass = zone->pass;
	}
}

static int fill_begun(const struct plan_snapshot *s, const struct run *run,
		      struct plan_source *source, struct error *err) {
	source->zones = calloc(run->n_zones + 1, sizeof(*source->zones));
	source->begun = calloc(run->n_zones + 1, sizeof(*source->begun));
	if (source->zones == NULL || source->begun == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < run->n_zones; i++) {
		const struct run_zone *rz = &run->zones[i];
		size_t place = find_zone(s, rz->zone);
		if (place < s->in.n_zones && outcome_final(rz->outcome)) {
			note_over(source, &s->in.zones[place], rz);
		}
		if (place == s->in.n_zones || outcome_final(rz->outcome)) {
			continue;
		}
		struct plan_begun *begun = &source->begun[source->n_zones];
		bool paused = rz->outcome == OUTCOME_PAUSED;
		begun->started_us = paused ? TIME_NONE : rz->started_us;
		begun->heard_ms = paused ? rz->played_ms : 0;
		source->zones[source->n_zones++] = (uint32_t)place;
	}
	return 0;
}

/* What the run says instead of what its schedule does, if it does. */
static int fill_once(struct plan_snapshot *s, const struct schedule *schedule,
		     struct plan_source *source, struct error *err) {
	const struct said *own = NULL;
	bool moved = source->moved_from_us != TIME_NONE;
	const struct override *o = schedule_override(
		schedule, moved ? source->moved_from_us : source->due_us);
	if (o == NULL || (o->to_us != TIME_NONE) != moved) {
		return 0;
	}
	int rc = find_said(s, schedule->announcement, &own, err);
	if (rc < 0) {
		return rc;
	}
	bool other = o->announcement != 0 && own->there;
	if (plan_source_override(source, o, other ? &source->said : NULL) < 0) {
		return no_memory(err);
	}
	if (other) {
		free(source->said.title);
		source->said = own->it;
		source->said.title = strdup(own->it.title);
	}
	return source->said.title == NULL ? no_memory(err) : 0;
}

/* What it takes from its schedule: how long it may wait, and whether it does. */
static int fill_of_schedule(struct plan_snapshot *s, const struct run *run,
			    struct plan_source *source, struct error *err) {
	AUTO(schedule_done) struct schedule schedule = {0};
	if (run->schedule == 0) {
		return 0;
	}
	int rc = store_schedule_get(s->config.store, run->schedule, &schedule, err);
	if (rc < 0) {
		return rc == -ENOENT ? 0 : rc;
	}
	source->play_within_s = schedule.play_within_s;
	source->conflict = schedule.conflict;
	return fill_once(s, &schedule, source, err);
}

static int fill_said(const struct plan_snapshot *s, const struct run *run,
		     struct plan_said *ret, struct error *err) {
	ret->announcement = run->announcement;
	ret->title = strdup(run->title != NULL ? run->title : "");
	ret->expires_us = run->expires_us;
	ret->relayed = content_relayed(&run->content);
	return ret->title == NULL
		       ? no_memory(err)
		       : content_length(s->config.store, s->config.library, &run->content,
					&ret->length_ms, &ret->estimated, err);
}

static int add_run(struct plan_snapshot *s, const struct run *run, struct error *err) {
	if (run->class > CLASS_PROGRAMME) {
		return tell_on_air(s, run, err);
	}
	struct plan_source *source = plan_input_add(&s->in);
	if (source == NULL) {
		return no_memory(err);
	}
	source->run = run->id;
	source->schedule = run->schedule;
	source->class = run->class;
	source->due_us = run->due_us;
	source->moved_from_us = run->moved_from_us != 0 ? run->moved_from_us : TIME_NONE;
	int rc = fill_said(s, run, &source->said, err);
	rc = rc < 0 ? rc : fill_begun(s, run, source, err);
	if (rc >= 0 && run->due_us > s->config.now_us) {
		free(source->begun); /* as any run that is to come */
		source->begun = NULL;
	}
	return rc < 0 ? rc : fill_of_schedule(s, run, source, err);
}

static int compare_runs(const void *a, const void *b) {
	const struct run *x = a;
	const struct run *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static int read_runs(struct plan_snapshot *s, struct error *err) {
	struct run *runs = NULL;
	size_t n = 0;
	int rc = store_run_open(s->config.store, &runs, &n, err);
	if (rc >= 0 && n > 0) {
		qsort(runs, n, sizeof(*runs), compare_runs);
	}
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = add_run(s, &runs[i], err);
	}
	run_list_free(runs, runs != NULL ? n : 0);
	return rc;
}

/* ------------------------------------------------------------------------------- life */

int plan_snapshot_new(const struct plan_snapshot_config *config, struct plan_ask *ask,
		      struct plan_snapshot **ret, struct error *err) {
	struct plan_snapshot *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		plan_ask_done(ask);
		return no_memory(err);
	}
	s->config = *config;
	s->ask = *ask;
	*ask = (struct plan_ask){0};
	s->page.limit = PAGE;
	s->in.tz = config->tz;
	s->in.now_us = config->now_us;
	s->in.from_us = s->ask.from_us > config->now_us ? s->ask.from_us : config->now_us;
	s->in.until_us = s->ask.until_us;
	s->in.zone = s->ask.zone;
	/* A worker reads it, and holiday files may come meanwhile. */
	int rc = calendar_copy(config->calendar, &s->in.calendar, err);
	if (rc < 0) {
		plan_snapshot_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void plan_snapshot_free(struct plan_snapshot *s) {
	if (s == NULL) {
		return;
	}
	tdestroy(s->said, said_free);
	plan_ask_done(&s->ask);
	plan_input_done(&s->in);
	free(s->codes);
	free(s);
}

int plan_snapshot_step(struct plan_snapshot *s, struct error *err) {
	if (!s->begun) {
		s->begun = true;
		int rc = read_zones(s, err);
		rc = rc < 0 ? rc : read_runs(s, err);
		return rc < 0 ? rc : 1;
	}
	int rc = read_schedules(s, err);
	return rc == 0 ? read_drafts(s, err) : rc;
}

void plan_snapshot_take(struct plan_snapshot *s, struct plan_input *ret) {
	*ret = s->in;
	s->in = (struct plan_input){0};
}
