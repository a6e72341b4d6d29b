/* plan.c - see plan.h. From event to event: a heap of what is due next, one of what ends
 * or has to be looked at. At each moment what the director does when it wakes: judge what
 * is due, note what has ended, cut at edges, look at the queues, balance. */
#include "plan_internal.h"

#include "base/str.h"
#include "priority.h"
#include "rule_words.h"

#include <string.h>

#define BEFORE_US (86400 * SECOND_US) /* played through ahead of the days asked for */

int numbers_add(struct numbers *numbers, uint32_t number) {
	if (numbers->n == numbers->size) {
		size_t size = numbers->size == 0 ? 8 : numbers->size * 2;
		uint32_t *items = reallocarray(numbers->items, size, sizeof(*items));
		if (items == NULL) {
			return -ENOMEM;
		}
		numbers->items = items;
		numbers->size = size;
	}
	numbers->items[numbers->n++] = number;
	return 0;
}

/* -------------------------------------------------------------------------- the input */

int plan_notice(struct plan_notices *notices, const char *en, const char *zh) {
	int rc = texts_add(&notices->in[PLAN_EN], en);
	return rc < 0 ? rc : texts_add(&notices->in[PLAN_ZH], zh);
}

static void notices_done(struct plan_notices *notices) {
	texts_done(&notices->in[PLAN_EN]);
	texts_done(&notices->in[PLAN_ZH]);
}

static void said_done(struct plan_said *said) {
	free(said->title);
}

void plan_source_done(struct plan_source *source) {
	for (size_t i = 0; i < source->n_overrides; i++) {
		override_done(&source->overrides[i]);
		said_done(&source->others[i]);
	}
	said_done(&source->said);
	free(source->overrides);
	free(source->others);
	free(source->rule);
	free(source->zones);
	free(source->begun);
	*source = (struct plan_source){0};
}

void plan_input_done(struct plan_input *in) {
	for (size_t i = 0; i < in->n_zones; i++) {
		zone_done(&in->zones[i]);
	}
	for (size_t i = 0; i < in->n_sources; i++) {
		plan_source_done(&in->sources[i]);
	}
	free(in->zones);
	free(in->sources);
	notices_done(&in->notices);
	calendar_free(in->calendar);
	*in = (struct plan_input){0};
}

void plan_ask_done(struct plan_ask *ask) {
	for (size_t i = 0; i < ask->n_drafts; i++) {
		schedule_done(&ask->drafts[i]);
	}
	free(ask->drafts);
	*ask = (struct plan_ask){0};
}

struct plan_source *plan_input_add(struct plan_input *in) {
	/* Room doubles whenever the number is a power of two. */
	size_t n = in->n_sources;
	if ((n & (n - 1)) == 0) {
		struct plan_source *sources =
			reallocarray(in->sources, n == 0 ? 1 : n * 2, sizeof(*sources));
		if (sources == NULL) {
			return NULL;
		}
		in->sources = sources;
	}
	struct plan_source *source = &in->sources[in->n_sources++];
	*source = (struct plan_source){.draft = -1,
				       .said.expires_us = TIME_NONE,
				       .moved_from_us = TIME_NONE,
				       .after_us = TIME_NONE,
				       .from_us = TIME_NONE,
				       .until_us = TIME_NONE,
				       .over_us = TIME_NONE};
	return source;
}

int plan_source_override(struct plan_source *source, const struct override *override,
			 const struct plan_said *other) {
	size_t n = source->n_overrides;
	struct override *overrides =
		reallocarray(source->overrides, n + 1, sizeof(*overrides));
	source->overrides = overrides != NULL ? overrides : source->overrides;
	struct plan_said *others = reallocarray(source->others, n + 1, sizeof(*others));
	source->others = others != NULL ? others : source->others;
	if (overrides == NULL || others == NULL) {
		return -ENOMEM;
	}
	overrides[n] = *override;
	overrides[n].author = strdup(override->author != NULL ? override->author : "");
	others[n] = (struct plan_said){.expires_us = TIME_NONE};
	if (other != NULL) {
		others[n] = *other;
		others[n].title = strdup(other->title);
	}
	source->n_overrides++;
	return overrides[n].author == NULL || (other != NULL && others[n].title == NULL)
		       ? -ENOMEM
		       : 0;
}

/* ------------------------------------------------------------------------------ heaps */

static bool due_before(const struct plan_due *a, const struct plan_due *b) {
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->source < b->source;
}

static void dues_down(struct sim *s, size_t place) {
	struct plan_due due = s->dues[place];
	for (size_t child; (child = 2 * place + 1) < s->n_dues; place = child) {
		if (child + 1 < s->n_dues &&
		    due_before(&s->dues[child + 1], &s->dues[child])) {
			child++;
		}
		if (!due_before(&s->dues[child], &due)) {
			break;
		}
		s->dues[place] = s->dues[child];
	}
	s->dues[place] = due;
}

static bool event_before(const struct plan_event *a, const struct plan_event *b) {
	if (a->at_us != b->at_us) {
		return a->at_us < b->at_us;
	}
	return a->look != b->look ? b->look : a->spot < b->spot;
}

void sim_event(struct sim *s, int64_t at_us, uint32_t spot, bool look) {
	if (s->n_events == s->events_size) {
		size_t size = s->events_size == 0 ? 256 : s->events_size * 2;
		struct plan_event *events =
			reallocarray(s->events, size, sizeof(*events));
		if (events == NULL) {
			s->failed = true;
			return;
		}
		s->events = events;
		s->events_size = size;
	}
	struct plan_event event = {.at_us = at_us, .spot = spot, .look = look};
	size_t place = s->n_events++;
	while (place > 0 && event_before(&event, &s->events[(place - 1) / 2])) {
		s->events[place] = s->events[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	s->events[place] = event;
}

static struct plan_event take_event(struct sim *s) {
	struct plan_event first = s->events[0];
	struct plan_event last = s->events[--s->n_events];
	size_t place = 0;
	for (size_t child; (child = 2 * place + 1) < s->n_events; place = child) {
		if (child + 1 < s->n_events &&
		    event_before(&s->events[child + 1], &s->events[child])) {
			child++;
		}
		if (!event_before(&s->events[child], &last)) {
			break;
		}
		s->events[place] = s->events[child];
	}
	s->events[place] = last;
	return first;
}

void sim_dirty(struct sim *s, uint32_t zone) {
	if (!s->zones[zone].dirty && s->zones[zone].waiting.n > 0) {
		s->zones[zone].dirty = true;
		s->failed |= numbers_add(&s->dirty, zone) < 0;
	}
}

void sim_touched(struct sim *s, uint32_t zone) {
	s->failed |= numbers_add(&s->touched, zone) < 0;
}

/* --------------------------------------------------------------------------- the runs */

static int64_t later(int64_t a, int64_t b) {
	return a > b ? a : b;
}

/* Goes on to the next of a source; false behind the last. */
static bool go_on(struct sim *s, uint32_t number) {
	struct sim_series *series = &s->series[number];
	if (series->rule != NULL) {
		return series_next(&series->series, &series->at);
	}
	const struct plan_source *source = &s->in->sources[number];
	bool before = source->due_us > series->at.at_us;
	int64_t from_us = source->moved_from_us;
	series->at = (struct occurrence){
		.due_us = from_us != TIME_NONE ? from_us : source->due_us,
		.at_us = source->due_us,
		.override = source->overrides, /* one, or NULL */
	};
	return before;
}

static int grow(void **items, size_t *size, size_t wanted, size_t each) {
	if (wanted <= *size) {
		return 0;
	}
	size_t next = *size == 0 ? 1024 : *size * 2;
	next = next < wanted ? wanted : next;
	void *grown = reallocarray(*items, next, each);
	if (grown == NULL) {
		return -ENOMEM;
	}
	*items = grown;
	*size = next;
	return 0;
}

/* Of the occurrence at which the source is. */
static struct plan_run *add_run(struct sim *s, uint32_t number) {
	struct plan *p = s->plan;
	const struct occurrence *at = &s->series[number].at;
	const struct plan_source *source = &s->in->sources[number];
	void *runs = p->runs;
	void *spots = p->spots;
	int rc = grow(&runs, &s->runs_size, p->n_runs + 1, sizeof(*p->runs));
	p->runs = runs;
	if (rc >= 0) {
		rc = grow(&spots, &s->spots_size, p->n_spots + source->n_zones,
			  sizeof(*p->spots));
		p->spots = spots;
	}
	if (rc < 0) {
		s->failed = true;
		return NULL;
	}
	int64_t within_us = source->play_within_s * SECOND_US;
	struct plan_run *run = &p->runs[p->n_runs++];
	*run = (struct plan_run){
		.source = number,
		.due_us = at->at_us,
		.occurrence_us = at->due_us,
		.override = at->override,
		.first = (uint32_t)p->n_spots,
		.n = (uint32_t)source->n_zones,
		.pass_over_us = TIME_NONE,
		.patience_us = within_us > WAIT_MAX_US ? within_us : WAIT_MAX_US,
	};
	s->open += run->due_us < s->in->until_us ? source->n_zones : 0;
	const struct plan_said *said = plan_said_of(p, (uint32_t)(p->n_runs - 1));
	for (size_t i = 0; i < source->n_zones; i++) {
		p->spots[p->n_spots++] =
			(struct plan_spot){.run = (uint32_t)(p->n_runs - 1),
					   .zone = source->zones[i],
					   .start_us = TIME_NONE,
					   .behind = NOBODY,
					   .above = NOBODY,
					   .n_passes = 1,
					   .soft_since_us = TIME_NONE,
					   .left_ms = said->length_ms};
	}
	return run;
}

/* Those that sound nowhere for certain; then the passes of the others. */
static void settle_zones(struct sim *s, struct plan_run *run) {
	const struct plan_source *source = &s->in->sources[run->source];
	struct plan_spot *spots = &s->plan->spots[run->first];
	const struct plan_said *said = plan_said_of(s->plan, spots->run);
	bool used[ZONE_PASS_MAX + 1] = {false};
	bool has_passes = class_has_passes(source->class) && !said->relayed;
	bool expired = said->expires_us != TIME_NONE && run->due_us >= said->expires_us;
	bool once = run->override != NULL && run->override->action == OVERRIDE_SKIP;
	for (uint32_t i = 0; i < run->n; i++) {
		const struct zone *zone = &s->in->zones[spots[i].zone];
		bool begun = source->begun != NULL;
		bool quiet = !once && sim_quiet(s, zone, run->due_us, &spots[i].span);
		if (!begun && (once || quiet || expired)) {
			sim_over(s, &spots[i]);
			spots[i].outcome = OUTCOME_SKIPPED;
			spots[i].why = once    ? PLAN_WHY_ONCE
				       : quiet ? PLAN_WHY_QUIET
					       : PLAN_WHY_EXPIRED;
			spots[i].end_us = run->due_us;
			continue;
		}
		spots[i].pass = has_passes ? (uint8_t)zone->pass : 0;
		used[spots[i].pass] = true;
	}
	uint8_t place[ZONE_PASS_MAX + 1];
	uint8_t n = 0;
	for (int pass = 0; pass <= ZONE_PASS_MAX; pass++) {
		place[pass] = n;
		n += used[pass];
	}
	for (uint32_t i = 0; i < run->n; i++) {
		if (spots[i].stage != SPOT_ENDED) {
			spots[i].pass = place[spots[i].pass];
			spots[i].n_passes = n;
		}
	}
	run->passes = n > 1;
	if (source->over_us != TIME_NONE) {
		bool again = used[source->over_pass];
		run->passes = true;
		run->pass_over = again ? (int8_t)place[source->over_pass] : NOBODY;
		run->pass_over_us = source->over_us;
	}
}

/* What sounds already has its zone; what was to sound waits for it. */
static void take_up(struct sim *s, struct plan_run *run) {
	const struct plan_source *source = &s->in->sources[run->source];
	int64_t now_us = s->in->now_us;
	uint32_t first = run->first;
	uint32_t n = run->n;
	for (uint32_t i = 0; i < n; i++) {
		struct plan_spot *spot = &s->plan->spots[first + i];
		struct plan_zone *zone = &s->zones[spot->zone];
		const struct plan_begun *begun =
			source->begun != NULL ? &source->begun[i] : NULL;
		if (spot->stage == SPOT_ENDED) {
			continue;
		}
		int64_t heard_ms = begun != NULL ? begun->heard_ms : 0;
		spot->begun = heard_ms > 0;
		spot->left_ms = later(spot->left_ms - heard_ms, 0);
		if (begun == NULL || begun->started_us == TIME_NONE) {
			sim_wait(s, first + i, now_us);
			sim_dirty(s, spot->zone);
			if (source->over_us != TIME_NONE) {
				sim_event(s, source->over_us + PASS_PAUSE_US + 1,
					  first + i, true);
			}
			continue;
		}
		int32_t *place = zone->holder == NOBODY ? &zone->holder : &zone->beneath;
		if (*place == NOBODY) {
			*place = (int32_t)(first + i);
		}
		if (zone->beneath != NOBODY && source->class != CLASS_BACKGROUND) {
			int32_t holder = zone->holder;
			zone->holder = zone->beneath;
			zone->beneath = holder;
		}
		spot->stage = SPOT_HANDED;
		sim_sound(s, first + i, begun->started_us, now_us);
		if (spot->end_us <= now_us) {
			/* It was interrupted meanwhile: its end is near, and not known.
			 */
			spot->end_us = now_us + 1;
			sim_event(s, spot->end_us, first + i, false);
		}
	}
}

/* ---------------------------------------------------------------------- from the start
 */

static bool is_told(const struct plan_notices *notices, const char *en) {
	for (size_t i = 0; i < notices->in[PLAN_EN].n; i++) {
		if (strcmp(notices->in[PLAN_EN].items[i], en) == 0) {
			return true;
		}
	}
	return false;
}

/* What is not known of the days on which it may be due, once for all of which the same is
 * to be said. 0 or -ENOMEM. */
static int tell_unknown(struct sim *s, const struct plan_source *source,
			const struct rule *rule) {
	const struct plan_input *in = s->in;
	int64_t from_us = later(in->from_us, source->from_us);
	int64_t to_us = in->until_us - 1;
	AUTO(str_done) struct str en = STR_INIT;
	AUTO(str_done) struct str zh = STR_INIT;
	if (source->until_us != TIME_NONE && source->until_us - 1 < to_us) {
		to_us = source->until_us - 1;
	}
	int rc = from_us > to_us ? 0
				 : rule_notice(rule, in->tz, in->calendar, from_us, to_us,
					       RULE_EN, &en);
	if (rc <= 0 || is_told(&s->plan->notices, en.data)) {
		return rc < 0 ? rc : 0;
	}
	rc = rule_notice(rule, in->tz, in->calendar, from_us, to_us, RULE_ZH, &zh);
	return rc < 0 ? rc : plan_notice(&s->plan->notices, en.data, zh.data);
}

static int tell_left_out(struct sim *s, const struct plan_source *source,
			 const struct error *why) {
	char en[ERROR_TEXT_SIZE + 80];
	char zh[ERROR_TEXT_SIZE + 80];
	str_format(en, sizeof(en), "schedule %lld is left out: %s",
		   (long long)source->schedule, why->text);
	str_format(zh, sizeof(zh), "定时 %lld 没有列入：%s", (long long)source->schedule,
		   why->text);
	return plan_notice(&s->plan->notices, en, zh);
}

static int parse_rules(struct sim *s, struct error *err) {
	for (size_t i = 0; i < s->in->n_sources; i++) {
		const struct plan_source *source = &s->in->sources[i];
		struct error why = {0};
		if (source->rule == NULL) {
			continue;
		}
		struct sim_series *series = &s->series[i];
		int rc = rule_parse(source->rule, &series->rule, &why);
		series->schedule = (struct schedule){.from_us = source->from_us,
						     .until_us = source->until_us,
						     .overrides = source->overrides,
						     .n_overrides = source->n_overrides};
		series->series = (struct series){&series->schedule, series->rule,
						 s->in->tz, s->in->calendar};
		if (rc >= 0) {
			rc = tell_unknown(s, source, series->rule);
		} else if (rc != -ENOMEM) {
			rc = tell_left_out(s, source, &why);
		}
		if (rc < 0) {
			return error_set(err, ENOMEM, "no memory for a plan");
		}
	}
	return 0;
}

static int sim_init(struct sim *s, const struct plan_input *in, struct plan *plan,
		    struct error *err) {
	*s = (struct sim){.in = in, .plan = plan, .minute_at_s = INT64_MIN};
	s->series = calloc(in->n_sources + 1, sizeof(*s->series));
	s->zones = calloc(in->n_zones + 1, sizeof(*s->zones));
	s->dues = calloc(in->n_sources + 1, sizeof(*s->dues));
	if (s->series == NULL || s->zones == NULL || s->dues == NULL) {
		return error_set(err, ENOMEM, "no memory for a plan");
	}
	for (size_t z = 0; z < in->n_zones; z++) {
		s->zones[z].holder = s->zones[z].beneath = NOBODY;
	}
	int rc = parse_rules(s, err);
	if (rc < 0) {
		return rc;
	}
	s->start_us = later(in->now_us, in->from_us - BEFORE_US);
	for (uint32_t i = 0; i < in->n_sources; i++) {
		const struct plan_source *source = &in->sources[i];
		if (source->n_zones == 0 ||
		    (source->rule != NULL && s->series[i].rule == NULL)) {
			continue;
		}
		if (source->rule == NULL && source->due_us <= in->now_us) {
			s->series[i].at.at_us = TIME_NONE;
			(void)go_on(s, i);
			struct plan_run *run = add_run(s, i);
			if (run != NULL) {
				settle_zones(s, run);
				take_up(s, run);
			}
			continue;
		}
		s->series[i].at = (struct occurrence){
			.due_us = INT64_MAX,
			.at_us = later(s->start_us, source->after_us),
		};
		if (go_on(s, i)) {
			s->dues[s->n_dues++] =
				(struct plan_due){s->series[i].at.at_us, i};
		}
	}
	for (size_t i = s->n_dues; i-- > 0;) {
		dues_down(s, i);
	}
	return 0;
}

static void sim_done(struct sim *s) {
	for (size_t i = 0; s->series != NULL && i < s->in->n_sources; i++) {
		rule_free(s->series[i].rule);
	}
	for (size_t z = 0; s->zones != NULL && z < s->in->n_zones; z++) {
		free(s->zones[z].waiting.items);
	}
	free(s->series);
	free(s->zones);
	free(s->dues);
	free(s->events);
	free(s->dirty.items);
	free(s->touched.items);
	free(s->fresh.items);
}

/* What comes after the last day matters as long as something of before is not over. */
static bool may_be_due(const struct sim *s, int64_t due_us) {
	return due_us < s->plan->until_us ||
	       (!s->plan->more && s->open > 0 && s->plan->n_runs < 2 * PLAN_RUNS_MAX &&
		s->plan->n_spots < 2 * PLAN_SPOTS_MAX);
}

static void judge_due(struct sim *s, int64_t now_us) {
	struct plan_due due = s->dues[0];
	const struct plan_source *source = &s->in->sources[due.source];
	if (due.due_us < s->plan->until_us &&
	    (s->plan->n_runs >= PLAN_RUNS_MAX ||
	     s->plan->n_spots + source->n_zones > PLAN_SPOTS_MAX)) {
		s->plan->more = true;
		s->plan->until_us = due.due_us;
		return;
	}
	struct plan_run *run = add_run(s, due.source);
	if (run == NULL) {
		return;
	}
	settle_zones(s, run);
	sim_judge(s, (uint32_t)(s->plan->n_runs - 1), now_us);
	if (go_on(s, due.source)) {
		s->dues[0].due_us = s->series[due.source].at.at_us;
	} else {
		s->dues[0] = s->dues[--s->n_dues];
	}
	if (s->n_dues > 0) {
		dues_down(s, 0);
	}
}

static int64_t next_judge_us(const struct sim *s) {
	if (s->n_dues == 0 || !may_be_due(s, s->dues[0].due_us)) {
		return INT64_MAX;
	}
	return later(s->dues[0].due_us - JUDGE_US, s->start_us);
}

static void wake(struct sim *s, int64_t now_us) {
	while (!s->failed && next_judge_us(s) <= now_us) {
		judge_due(s, now_us);
	}
	while (!s->failed && s->n_events > 0 && s->events[0].at_us <= now_us) {
		struct plan_event event = take_event(s);
		if (event.look) {
			sim_look(s, event.spot, now_us);
		} else {
			sim_end(s, event.spot, now_us);
		}
	}
	bool again = false;
	do {
		again = s->ended;
		s->ended = false;
		sim_pump(s, now_us);
		sim_balance(s, now_us);
		sim_begin(s, now_us);
	} while (!s->failed && (again || s->ended));
}

static void play_through(struct sim *s) {
	if (s->in->now_us >= s->start_us) {
		wake(s, s->in->now_us);
	}
	while (!s->failed) {
		int64_t next_us = next_judge_us(s);
		if (s->n_events > 0 && s->events[0].at_us < next_us) {
			next_us = s->events[0].at_us;
		}
		if (next_us == INT64_MAX) {
			return;
		}
		wake(s, next_us);
	}
}

static void show_runs(struct plan *p) {
	for (size_t r = 0; r < p->n_runs; r++) {
		struct plan_run *run = &p->runs[r];
		bool shown = run->due_us >= p->input->from_us;
		for (uint32_t i = run->first; !shown && i < run->first + run->n; i++) {
			shown = p->spots[i].start_us != TIME_NONE &&
				p->spots[i].end_us > p->input->from_us;
		}
		run->shown = shown && run->due_us < p->until_us;
	}
}

int plan_make(const struct plan_input *in, struct plan **ret, struct error *err) {
	AUTO(plan_free) struct plan *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return error_set(err, ENOMEM, "no memory for a plan");
	}
	p->input = in;
	p->until_us = in->until_us;
	struct sim s;
	int rc = sim_init(&s, in, p, err);
	if (rc >= 0) {
		play_through(&s);
		show_runs(p);
		rc = s.failed ? -ENOMEM : sim_days(&s);
		rc = rc < 0 ? error_set(err, ENOMEM, "no memory for a plan") : 0;
	}
	sim_done(&s);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(p);
	return 0;
}

void plan_free(struct plan *p) {
	if (p == NULL) {
		return;
	}
	free(p->runs);
	free(p->spots);
	free(p->days);
	notices_done(&p->notices);
	free(p);
}

bool plan_shows(const struct plan *p, const struct plan_spot *spot) {
	const struct plan_input *in = p->input;
	return p->runs[spot->run].shown &&
	       (in->zone == 0 || in->zones[spot->zone].id == in->zone);
}

const struct plan_source *plan_source_of(const struct plan *p, uint32_t run) {
	return &p->input->sources[p->runs[run].source];
}

const struct plan_said *plan_said_of(const struct plan *p, uint32_t run) {
	const struct plan_source *source = plan_source_of(p, run);
	const struct override *o = p->runs[run].override;
	const struct plan_said *other =
		o != NULL ? &source->others[o - source->overrides] : NULL;
	return other != NULL && other->title != NULL ? other : &source->said;
}
