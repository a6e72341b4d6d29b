/* plan_ics.c - a plan as iCalendar (RFC 5545; see plan_render.h). */
#include "plan_render.h"

#include "schedule/tz.h"

#include <string.h>

#define LINE_MAX_OCTETS 75 /* 3.1: without the line break */
#define STAMP_SIZE 32
#define SECOND_US 1000000LL

struct ics {
	struct str *text;
	const struct plan *plan;
	struct str line; /* the one that grows */
	bool failed;
};

static void add(struct ics *c, const char *text) {
	c->failed |= str_append(&c->line, text) < 0;
}

/* 3.3.11: a text value. */
static void add_escaped(struct ics *c, const char *text) {
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n') {
			add(c, "\\n");
		} else if (*p == '\\' || *p == ';' || *p == ',') {
			char escaped[3] = {'\\', *p, '\0'};
			add(c, escaped);
		} else if ((unsigned char)*p >= 0x20) {
			c->failed |= str_append_bytes(&c->line, p, 1) < 0;
		}
	}
}

/* 3.1: folded behind 75 octets, never within a character. */
static void end_line(struct ics *c) {
	const char *at = c->line.data != NULL ? c->line.data : "";
	size_t left = c->line.len;
	size_t room = LINE_MAX_OCTETS;
	while (left > room) {
		size_t n = room;
		while (n > 1 && ((unsigned char)at[n] & 0xc0) == 0x80) {
			n--;
		}
		c->failed |= str_append_bytes(c->text, at, n) < 0 ||
			     str_append(c->text, "\r\n ") < 0;
		at += n;
		left -= n;
		room = LINE_MAX_OCTETS - 1; /* the blank counts */
	}
	c->failed |= str_append_bytes(c->text, at, left) < 0 ||
		     str_append(c->text, "\r\n") < 0;
	c->line.len = 0;
}

static void line(struct ics *c, const char *text) {
	add(c, text);
	end_line(c);
}

/* "20261201T003000Z" (3.3.5, form 2). */
static void stamp(int64_t us, char ret[STAMP_SIZE]) {
	int64_t s = us / SECOND_US - (us % SECOND_US < 0);
	int64_t days = s / 86400 - (s % 86400 < 0);
	int rest = (int)(s - days * 86400);
	int year = 0;
	int month = 0;
	int day = 0;
	civil_from_days(days, &year, &month, &day);
	snprintf(ret, STAMP_SIZE, "%04u%02u%02uT%02d%02d%02dZ", (unsigned)year % 10000U,
		 (unsigned)month % 100U, (unsigned)day % 100U, rest / 3600,
		 rest / 60 % 60, rest % 60);
}

static void line_stamp(struct ics *c, const char *name, int64_t us) {
	char text[STAMP_SIZE];
	stamp(us, text);
	add(c, name);
	add(c, ":");
	line(c, text);
}

static void line_uid(struct ics *c, const struct plan_run *run) {
	const struct plan_source *source = &c->plan->input->sources[run->source];
	char due[STAMP_SIZE];
	char text[80];
	stamp(run->occurrence_us, due); /* wherever it is moved to */
	if (source->schedule != 0) {
		snprintf(text, sizeof(text), "UID:schedule-%lld-%s@dalaba",
			 (long long)source->schedule, due);
	} else if (source->run != 0) {
		snprintf(text, sizeof(text), "UID:run-%lld@dalaba",
			 (long long)source->run);
	} else {
		snprintf(text, sizeof(text), "UID:draft-%d-%s@dalaba", source->draft,
			 due);
	}
	line(c, text);
}

/* What the zones have in common: from the first sample to the last. */
struct extent {
	size_t n; /* zones that are shown */
	size_t sounding;
	int64_t from_us;
	int64_t to_us;
};

static struct extent extent_of(const struct plan *p, const struct plan_run *run) {
	struct extent e = {.from_us = INT64_MAX, .to_us = INT64_MIN};
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		const struct plan_spot *spot = &p->spots[i];
		if (!plan_shows(p, spot)) {
			continue;
		}
		e.n++;
		if (spot->start_us != TIME_NONE) {
			e.sounding++;
			e.from_us =
				spot->start_us < e.from_us ? spot->start_us : e.from_us;
			e.to_us = spot->end_us > e.to_us ? spot->end_us : e.to_us;
		}
	}
	return e;
}

/* LOCATION: where it sounds; where it does so nowhere, where it should have. */
static void line_location(struct ics *c, const struct plan_run *run, bool sounds) {
	const struct plan *p = c->plan;
	const char *comma = "";
	add(c, "LOCATION:");
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		const struct plan_spot *spot = &p->spots[i];
		if (plan_shows(p, spot) && (spot->start_us != TIME_NONE) == sounds) {
			add_escaped(c, comma);
			add_escaped(c, p->input->zones[spot->zone].name);
			comma = ", ";
		}
	}
	end_line(c);
}

static void line_description(struct ics *c, const struct plan_run *run) {
	const struct plan *p = c->plan;
	bool first = true;
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		char words[PLAN_WORDS_SIZE];
		const struct plan_spot *spot = &p->spots[i];
		if (!plan_shows(p, spot)) {
			continue;
		}
		plan_words(p, spot, PLAN_ZH, words);
		if (words[0] == '\0') {
			continue;
		}
		add(c, first ? "DESCRIPTION:" : "\\n");
		first = false;
		add_escaped(c, p->input->zones[spot->zone].name);
		add_escaped(c, "：");
		add_escaped(c, words);
		plan_words(p, spot, PLAN_EN, words);
		add_escaped(c, " / ");
		add_escaped(c, words);
	}
	if (!first) {
		end_line(c);
	}
}

static void event(struct ics *c, const struct plan_run *run) {
	const struct plan_source *source = &c->plan->input->sources[run->source];
	struct extent e = extent_of(c->plan, run);
	if (e.n == 0) {
		return;
	}
	line(c, "BEGIN:VEVENT");
	line_uid(c, run);
	line_stamp(c, "DTSTAMP", c->plan->input->now_us);
	line_stamp(c, "DTSTART", e.sounding > 0 ? e.from_us : run->due_us);
	/* It must be later than the start (3.8.2.2); seconds are all there is. */
	if (e.sounding > 0) {
		int64_t from_s = e.from_us / SECOND_US;
		int64_t to_s = (e.to_us + SECOND_US - 1) / SECOND_US;
		line_stamp(c, "DTEND", (to_s > from_s ? to_s : from_s + 1) * SECOND_US);
	}
	add(c, "SUMMARY:");
	add_escaped(c, plan_said_of(c->plan, (uint32_t)(run - c->plan->runs))->title);
	end_line(c);
	line_location(c, run, e.sounding > 0);
	line_description(c, run);
	add(c, "CATEGORIES:");
	line(c, run_class_name(source->class));
	line(c, e.sounding > 0 ? "STATUS:CONFIRMED" : "STATUS:CANCELLED");
	line(c, "TRANSP:TRANSPARENT");
	line(c, "END:VEVENT");
}

static void add_notices(struct ics *c, const struct plan_notices *notices, bool *first) {
	for (size_t i = 0; i < notices->in[PLAN_EN].n; i++) {
		add(c, *first ? "" : "\\n");
		add_escaped(c, notices->in[PLAN_ZH].items[i]);
		add_escaped(c, " / ");
		add_escaped(c, notices->in[PLAN_EN].items[i]);
		*first = false;
	}
}

static void add_end(struct ics *c, bool first) {
	char at[WALL_SIZE];
	char words[120];
	wall_format(c->plan->input->tz, c->plan->until_us, at);
	snprintf(words, sizeof(words),
		 "只列到 %s，之后还有 / it ends at %s: there is more", at, at);
	add(c, first ? "" : "\\n");
	add_escaped(c, words);
}

/* What must be known besides. RFC 7986, 5.2; the other name is what older programs read.
 */
static void line_notices(struct ics *c, const char *name) {
	const struct plan *p = c->plan;
	bool first = true;
	if (!p->more && p->notices.in[PLAN_EN].n + p->input->notices.in[PLAN_EN].n == 0) {
		return;
	}
	add(c, name);
	add(c, ":");
	add_notices(c, &p->input->notices, &first);
	add_notices(c, &p->notices, &first);
	if (p->more) {
		add_end(c, first);
	}
	end_line(c);
}

int plan_ics(const struct plan *plan, struct str *ret) {
	struct ics c = {.text = ret, .plan = plan};
	line(&c, "BEGIN:VCALENDAR");
	line(&c, "VERSION:2.0");
	line(&c, "PRODID:-//dalaba//dalabad " DALABA_VERSION "//EN");
	line(&c, "CALSCALE:GREGORIAN");
	line(&c, "METHOD:PUBLISH");
	line_notices(&c, "DESCRIPTION");
	line_notices(&c, "X-WR-CALDESC");
	for (size_t i = 0; i < plan->n_runs && !c.failed; i++) {
		event(&c, &plan->runs[i]);
	}
	line(&c, "END:VCALENDAR");
	str_done(&c.line);
	return c.failed ? -ENOMEM : 0;
}
