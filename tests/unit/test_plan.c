/* test_plan.c - plans of a few schedules, as somebody would work them out with a pencil.
 * tests/simulation/test_plan.c holds plans against what the director does. */
#include "schedule/plan.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define DAY (1440 * MINUTE)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define ZONES 4

struct line {
	const char *rule;
	const char *class;
	int64_t length_ms;
	const char *zones; /* "01": places */
	/* "skip", "within 3600", "expires 2026-03-02T08:01:00+08:00"; "once DUE" and
	 * "skip", "to TIME", "say X 5000" or the last two. */
	const char *more;
};

struct plan_case {
	const char *name;
	const char *timezone; /* NULL: Asia/Shanghai */
	const char *now;
	const char *until;
	const char *zones[ZONES]; /* "quiet 22:00-06:00 pass 1 lead 500 output 2" */
	struct line lines[5];
	const char *want;
};

static int64_t time_of(const char *text) {
	int64_t us = 0;
	struct error err = {0};
	if (rfc3339_parse(text, &us, &err) < 0) {
		fail_msg("%s: %s", text, err.text);
	}
	return us;
}

static void read_zone(const char *text, size_t place, struct zone *ret) {
	char name[20];
	int f[4];
	snprintf(name, sizeof(name), "z%zu", place);
	*ret = (struct zone){.id = (int64_t)place + 1, .name = strdup(name), .output = 1};
	const char *at = text != NULL ? text : "";
	const char *found = strstr(at, "quiet ");
	if (found != NULL) {
		assert_int_equal(
			sscanf(found, "quiet %d:%d-%d:%d", &f[0], &f[1], &f[2], &f[3]),
			4);
		ret->quiet[0] = (struct quiet_span){f[0] * 60 + f[1], f[2] * 60 + f[3]};
		ret->n_quiet = 1;
	}
	found = strstr(at, "pass ");
	ret->pass = found != NULL ? atoi(found + 5) : 0;
	found = strstr(at, "lead ");
	ret->lead_ms = found != NULL ? atoi(found + 5) : 0;
	found = strstr(at, "output ");
	ret->output = found != NULL ? atoi(found + 7) : 1;
}

static void read_once(const char *once, struct plan_source *source) {
	char due[40];
	char to[40];
	char title[8];
	char who[] = "clerk";
	struct override o = {.id = 7, .to_us = TIME_NONE, .author = who};
	struct plan_said other = {.title = title, .expires_us = TIME_NONE};
	const char *say = strstr(once, "say ");
	const char *moved = strstr(once, "to ");
	assert_int_equal(sscanf(once, "%39s", due), 1);
	o.due_us = time_of(due);
	o.action = say != NULL     ? OVERRIDE_REPLACE
		   : moved != NULL ? OVERRIDE_MOVE
				   : OVERRIDE_SKIP;
	if (moved != NULL) {
		assert_int_equal(sscanf(moved, "to %39s", to), 1);
		o.to_us = time_of(to);
	}
	if (say != NULL) {
		long long ms = 0;
		assert_int_equal(sscanf(say, "say %7s %lld", title, &ms), 2);
		other.length_ms = ms;
	}
	assert_int_equal(plan_source_override(source, &o, say != NULL ? &other : NULL),
			 0);
}

static void read_line(const struct line *line, size_t place, struct plan_input *in) {
	struct plan_source *source = plan_input_add(in);
	char title[8];
	assert_non_null(source);
	snprintf(title, sizeof(title), "%c", (char)('A' + place));
	source->schedule = (int64_t)place + 1;
	source->said.title = strdup(title);
	source->rule = strdup(line->rule);
	source->said.length_ms = line->length_ms;
	assert_int_equal(run_class_parse(line->class, &source->class), 0);
	source->zones = calloc(ZONES, sizeof(*source->zones));
	for (const char *z = line->zones; *z != '\0'; z++) {
		source->zones[source->n_zones++] = (uint32_t)(*z - '0');
	}
	const char *more = line->more != NULL ? line->more : "";
	source->conflict = strcmp(more, "skip") == 0 ? CONFLICT_SKIP : CONFLICT_WAIT;
	const char *found = strstr(more, "within ");
	source->play_within_s = found != NULL ? atoi(found + 7) : 0;
	found = strstr(more, "expires ");
	source->said.expires_us = found != NULL ? time_of(found + 8) : TIME_NONE;
	found = strstr(more, "once ");
	if (found != NULL) {
		read_once(found + 5, source);
	}
}

static void read_case(const struct plan_case *c, struct tz **tz, struct plan_input *ret) {
	const char *name = c->timezone != NULL ? c->timezone : "Asia/Shanghai";
	assert_int_equal(tz_load(name, tz, NULL), 0);
	*ret = (struct plan_input){.tz = *tz,
				   .now_us = time_of(c->now),
				   .from_us = time_of(c->now),
				   .until_us = time_of(c->until)};
	ret->zones = calloc(ZONES, sizeof(*ret->zones));
	ret->n_zones = ZONES;
	for (size_t i = 0; i < ZONES; i++) {
		read_zone(c->zones[i], i, &ret->zones[i]);
	}
	for (size_t i = 0; i < LENGTH(c->lines) && c->lines[i].rule != NULL; i++) {
		read_line(&c->lines[i], i, ret);
	}
}

static void add_time(struct str *s, const struct tz *tz, int64_t us) {
	char text[RFC3339_SIZE];
	rfc3339_format(tz, us, text);
	char *zone = strpbrk(text + 11, "+-Z");
	str_printf(s, "%.*s", (int)(zone - text - 11), text + 11);
}

/* "A0 07:00:00-07:10:00 played: reason", a line a spot. */
static void tell(const struct plan *p, struct str *ret) {
	for (size_t i = 0; i < p->n_spots; i++) {
		const struct plan_spot *spot = &p->spots[i];
		char words[PLAN_WORDS_SIZE];
		if (!plan_shows(p, spot)) {
			continue;
		}
		plan_words(p, spot, PLAN_EN, words);
		str_printf(ret, "%s%u ", plan_said_of(p, spot->run)->title, spot->zone);
		if (spot->start_us != TIME_NONE) {
			add_time(ret, p->input->tz, spot->start_us);
			str_append(ret, "-");
			add_time(ret, p->input->tz, spot->end_us);
			str_append(ret, " ");
		}
		str_printf(ret, "%s%s%s\n", outcome_name(spot->outcome),
			   words[0] != '\0' ? ": " : "", words);
	}
}

#define MARCH(time) "2026-03-02T" time "+08:00"

static const struct plan_case cases[] = {
	{.name = "alone",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .lines = {{"0 7 * * *", "notice", 600000, "02", NULL},
		   {"at 2026-03-02 08:00:30", "background", 1500, "1", NULL}},
	 .want = "A0 07:00:00-07:10:00 played\nA2 07:00:00-07:10:00 played\n"
		 "B1 08:00:30-08:00:31.500 played\n"},
	{.name = "an equal waits, or is skipped, or waits too long",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .lines = {{"0 7 * * *", "notice", 600000, "0", NULL},
		   {"5 7 * * *", "programme", 1500000, "0", NULL},
		   {"6 7 * * *", "notice", 1000, "0", "skip"},
		   {"4 7 * * *", "background", 1000, "0", NULL},
		   {"3 7 * * *", "notice", 1200000, "0", "within 3600"}},
	 .want = "A0 07:00:00-07:10:00 played\n"
		 "E0 07:10:00-07:30:00 played: 7 min later, behind 'A'\n"
		 "D0 missed: waits 30 min for the end of 'B'\n"
		 "B0 07:30:00-07:55:00 played: 25 min later, behind 'A'\n"
		 "C0 skipped: 'A' has the zone\n"},
	{.name = "one whose turn comes as the other ends had no clash",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .lines = {{"0 7 * * *", "notice", 600000, "0", NULL},
		   {"10 7 * * *", "notice", 1000, "0", NULL},
		   {"10 7 * * *", "notice", 1000, "0", "skip"}},
	 .want = "A0 07:00:00-07:10:00 played\nB0 07:10:00-07:10:01 played\n"
		 "C0 skipped: 'A' has the zone\n"},
	{.name = "music goes on softly beneath",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .lines = {{"0 7 * * *", "background", 600000, "0", NULL},
		   {"5 7 * * *", "notice", 60000, "0", NULL},
		   {"5 7 * * *", "notice", 60000, "0", NULL}},
	 .want = "A0 07:00:00-07:10:00 played: softer beneath 'C' for 2 min\n"
		 "B0 07:05:00-07:06:00 played\n"
		 "C0 07:06:00-07:07:00 played: 60 s later, behind 'B'\n"},
	{.name = "quiet hours",
	 .now = MARCH("21:00:00"),
	 .until = "2026-03-03T07:00:00+08:00",
	 .zones = {"quiet 22:00-06:00", "quiet 22:05-22:06"},
	 .lines = {{"55 21 * * *", "notice", 600000, "01", NULL},
		   {"59 21 * * *", "notice", 1000, "0", NULL},
		   {"0 22 * * *", "notice", 1000, "0", NULL},
		   {"0 6 * * *", "notice", 1000, "0", NULL}},
	 .want = "A0 21:55:00-21:59:59.900 cut: quiet hours 22:00 to 06:00 in zone 'z0'\n"
		 "A1 21:55:00-22:04:59.900 cut: quiet hours 22:05 to 22:06 in zone 'z1'\n"
		 "B0 skipped: quiet hours 22:00 to 06:00 in zone 'z0'\n"
		 "C0 skipped: quiet hours 22:00 to 06:00 in zone 'z0'\n"
		 "D0 06:00:00-06:00:01 played\n"},
	{.name = "patience ends, then quiet hours begin, while the amplifier wakes",
	 .now = MARCH("11:20:00"),
	 .until = MARCH("13:00:00"),
	 .zones = {"quiet 12:00-12:30 lead 5000", "lead 5000"},
	 .lines = {{"25 11 * * *", "notice", 2096900, "01", NULL},
		   {"at 2026-03-02 11:29:57", "notice", 5000, "0", NULL},
		   {"at 2026-03-02 11:29:57", "notice", 5000, "1", NULL}},
	 .want = "A0 11:25:00-11:59:56.900 played\nA1 11:25:00-11:59:56.900 played\n"
		 "B0 cancelled: quiet hours 12:00 to 12:30 in zone 'z0'\n"
		 "C1 12:00:01.900-12:00:06.900 played: 30 min later, behind 'A'\n"},
	{.name = "just this once",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("12:00:00"),
	 .zones = {"quiet 10:00-10:30"},
	 .lines = {{"0 7,10 * * *", "notice", 60000, "01",
		    "once " MARCH("10:00:00") " skip"},
		   {"0 8 * * *", "notice", 1000, "1",
		    "once " MARCH("08:00:00") " to " MARCH("07:00:30")},
		   {"0 9 * * *", "notice", 1000, "0",
		    "once " MARCH("09:00:00") " say X 5000"},
		   {"30 7 * * *", "notice", 1000, "0",
		    "once " MARCH("07:30:00") " say Y 2000 to " MARCH("10:10:00")},
		   {"30 9 * * *", "notice", 1000, "0",
		    "once " MARCH("09:31:00") " skip"}},
	 .want = "A0 07:00:00-07:01:00 played\nA1 07:00:00-07:01:00 played\n"
		 "B1 07:01:00-07:01:01 played: moved from 2026-03-02 08:00 by clerk; "
		 "30 s later, behind 'A'\n"
		 "X0 09:00:00-09:00:05 played: in place of 'C', by clerk\n"
		 "E0 09:30:00-09:30:01 played\n"
		 "A0 skipped: skipped just this once by clerk\n"
		 "A1 skipped: skipped just this once by clerk\n"
		 "Y0 skipped: moved from 2026-03-02 07:30, in place of 'D', by clerk; "
		 "quiet hours 10:00 to 10:30 in zone 'z0'\n"},
	{.name = "expired",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .lines = {{"0 7 * * *", "notice", 90000, "0",
		    "expires 2026-03-02T07:01:00+08:00"},
		   {"2 7 * * *", "notice", 90000, "0",
		    "expires 2026-03-02T07:01:00+08:00"}},
	 .want = "A0 07:00:00-07:00:59.900 cut: the announcement has expired\n"
		 "B0 skipped: the announcement has expired\n"},
	{.name = "passes; a zone that is taken holds up nobody; music has none",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("08:30:00"),
	 .zones = {"pass 1", "", "pass 2"},
	 .lines = {{"0 7 * * *", "notice", 60000, "012", NULL},
		   {"0 8 * * *", "programme", 300000, "1", NULL},
		   {"1 8 * * *", "notice", 60000, "01", NULL},
		   {"20 7 * * *", "background", 1000, "01", NULL}},
	 .want = "A0 07:01:02-07:02:02 played: 62 s later, pass 2 of 3\n"
		 "A1 07:00:00-07:01:00 played\n"
		 "A2 07:02:04-07:03:04 played: 2 min later, pass 3 of 3\n"
		 "D0 07:20:00-07:20:01 played\nD1 07:20:00-07:20:01 played\n"
		 "B1 08:00:00-08:05:00 played\n"
		 "C0 08:01:00-08:02:00 played\n"
		 "C1 08:05:00-08:06:00 played: 4 min later, behind 'B'\n"},
	{.name = "what waited begins on several outputs together, behind the longest "
		 "lead",
	 .now = MARCH("06:00:00"),
	 .until = MARCH("09:00:00"),
	 .zones = {"output 1", "output 2 lead 700", "output 3"},
	 .lines = {{"0 7 * * *", "notice", 120000, "012", NULL},
		   {"1 7 * * *", "notice", 10000, "01", NULL},
		   {"1 7 * * *", "notice", 10000, "2", NULL}},
	 .want = "A0 07:00:00-07:02:00 played\nA1 07:00:00-07:02:00 played\n"
		 "A2 07:00:00-07:02:00 played\n"
		 "B0 07:02:00.700-07:02:10.700 played: 61 s later, behind 'A'\n"
		 "B1 07:02:00.700-07:02:10.700 played: 61 s later, behind 'A'\n"
		 "C2 07:02:00-07:02:10 played: 60 s later, behind 'A'\n"},
	{.name = "the hour that is skipped, and quiet hours that begin within it",
	 .timezone = "Europe/Berlin",
	 .now = "2026-03-29T00:00:00+01:00",
	 .until = "2026-03-29T05:00:00+02:00",
	 .zones = {"quiet 02:30-04:00"},
	 .lines = {{"58 1 * * *", "notice", 600000, "01", NULL},
		   {"30 2 * * *", "notice", 1000, "1", NULL}},
	 .want = "A0 01:58:00-01:59:59.900 cut: quiet hours 02:30 to 04:00 in zone 'z0'\n"
		 "A1 01:58:00-03:08:00 played\n"
		 "B1 03:08:00-03:08:01 played: 8 min later, behind 'A'\n"},
};

static void make(const struct plan_case *c, struct tz **tz, struct plan_input *in,
		 struct plan **ret) {
	struct error err = {0};
	read_case(c, tz, in);
	if (plan_make(in, ret, &err) < 0) {
		fail_msg("%s: %s", c->name, err.text);
	}
}

static void with_a_pencil(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(tz_free) struct tz *tz = NULL;
		AUTO(plan_input_done) struct plan_input in = {0};
		AUTO(plan_free) struct plan *plan = NULL;
		AUTO(str_done) struct str told = STR_INIT;
		make(&cases[i], &tz, &in, &plan);
		tell(plan, &told);
		if (strcmp(told.data != NULL ? told.data : "", cases[i].want) != 0) {
			fail_msg("%s:\n%sinstead of\n%s", cases[i].name, told.data,
				 cases[i].want);
		}
		assert_int_equal(plan->notices.in[PLAN_EN].n, 0);
	}
}

/* Over midnight to both days; what is beneath another once; from the instant asked. */
static void minutes_of_a_day(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "days",
		.now = MARCH("20:00:00"),
		.until = "2026-03-04T12:00:00+08:00",
		.lines = {{"50 23 * * *", "background", 1800000, "0", NULL},
			  {"0 0 * * *", "notice", 300000, "01", NULL},
			  {"at 2026-03-02 19:59", "notice", 600000, "2", NULL}}};
	static const struct plan_day want[] = {
		{0, 20514, 600000, 1},  {0, 20515, 1800000, 2}, {1, 20515, 300000, 1},
		{0, 20516, 1200000, 1}, {1, 20516, 300000, 1},
	};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	make(&c, &tz, &in, &plan);
	assert_int_equal(plan->n_days, LENGTH(want));
	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_int_equal(plan->days[i].zone, want[i].zone);
		assert_int_equal(plan->days[i].day, want[i].day);
		assert_int_equal(plan->days[i].sounding_ms, want[i].sounding_ms);
		assert_int_equal(plan->days[i].runs, want[i].runs);
	}
}

/* A run of it was made for that time, and sounds since, or waits. */
static void has_begun(struct plan_source *s, const char *due, bool sounds) {
	free(s->rule);
	s->rule = NULL;
	s->run = s->schedule;
	s->due_us = time_of(due);
	s->begun = calloc(1, sizeof(*s->begun));
	s->begun[0].started_us = sounds ? s->due_us : TIME_NONE;
}

/* Due on the last day, and heard on the one after. */
static void what_begins_behind_the_last_day(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "late",
		.now = MARCH("20:00:00"),
		.until = "2026-03-03T00:00:00+08:00",
		.lines = {{"58 23 * * *", "notice", 600000, "0", NULL},
			  {"59 23 * * *", "notice", 60000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	make(&c, &tz, &in, &plan);
	assert_int_equal(plan->n_days, 1);
	assert_int_equal(plan->days[0].runs, 1);
	assert_int_equal(plan->days[0].sounding_ms, 120000);
}

static void runs_that_are_there_already(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "begun",
		.now = MARCH("07:05:00"),
		.until = MARCH("09:00:00"),
		.lines = {{"6 7 * * *", "notice", 60000, "0", NULL},
			  {"0 7 * * *", "notice", 600000, "0", NULL},
			  {"1 7 * * *", "notice", 30000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	AUTO(str_done) struct str told = STR_INIT;
	struct error err = {0};
	read_case(&c, &tz, &in);
	has_begun(&in.sources[1], MARCH("07:00:00"), true);
	has_begun(&in.sources[2], MARCH("07:01:00"), false);
	assert_int_equal(plan_make(&in, &plan, &err), 0);
	tell(plan, &told);
	assert_string_equal(told.data,
			    "B0 07:00:00-07:10:00 played\n"
			    "C0 07:10:00-07:10:30 played: 9 min later, behind 'B'\n"
			    "A0 07:10:30-07:11:30 played: 5 min later, behind 'B'\n");
}

/* A was interrupted an hour ago and waits for B, however long that takes. */
static void what_was_interrupted_waits(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "interrupted",
		.now = MARCH("08:05:00"),
		.until = MARCH("12:00:00"),
		.lines = {{"0 7 * * *", "notice", 600000, "0", NULL},
			  {"0 8 * * *", "notice", 7200000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	AUTO(str_done) struct str told = STR_INIT;
	struct error err = {0};
	read_case(&c, &tz, &in);
	has_begun(&in.sources[0], MARCH("07:00:00"), false);
	in.sources[0].begun[0].heard_ms = 60000;
	has_begun(&in.sources[1], MARCH("08:00:00"), true);
	assert_int_equal(plan_make(&in, &plan, &err), 0);
	tell(plan, &told);
	assert_string_equal(told.data,
			    "A0 10:00:00-10:09:00 played: 180 min later, behind 'B'\n"
			    "B0 08:00:00-10:00:00 played\n");
}

static void too_much_ends_early_and_says_so(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "many",
		.now = MARCH("00:00:30"),
		.until = "2026-05-01T00:00:00+08:00",
		.lines = {{"* * * * *", "notice", 1000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	make(&c, &tz, &in, &plan);
	assert_true(plan->more);
	assert_int_equal(plan->n_runs, PLAN_RUNS_MAX);
	assert_int_equal(plan->until_us,
			 time_of(MARCH("00:01:00")) + PLAN_RUNS_MAX * MINUTE);
	assert_int_equal(plan->days[0].runs, 1439);
}

/* A box of many zones, the odd ones said second; schedules of all of them. */
static void fill_wide(struct plan_input *in, const struct tz *tz, size_t zones,
		      const char *until) {
	*in = (struct plan_input){.tz = tz,
				  .now_us = time_of(MARCH("06:00:00")),
				  .from_us = time_of(MARCH("06:00:00")),
				  .until_us = time_of(until)};
	in->zones = calloc(zones, sizeof(*in->zones));
	in->n_zones = zones;
	for (size_t i = 0; i < zones; i++) {
		in->zones[i] = (struct zone){.id = (int64_t)i + 1,
					     .name = strdup("z"),
					     .output = 1,
					     .pass = i % 2};
	}
}

static void add_wide(struct plan_input *in, const char *rule, enum run_class class,
		     int64_t length_ms, size_t zones) {
	struct plan_source *source = plan_input_add(in);
	assert_non_null(source);
	source->schedule = (int64_t)in->n_sources;
	source->said.title = strdup("A");
	source->said.length_ms = length_ms;
	source->class = class;
	source->rule = strdup(rule);
	source->zones = calloc(zones, sizeof(*source->zones));
	for (; source->n_zones < zones; source->n_zones++) {
		source->zones[source->n_zones] = (uint32_t)source->n_zones;
	}
}

/* What waits beyond the last day is followed, but not for ever. */
/* Nobody has the zone of a run that was due long ago: it waits for itself. */
static void words_that_are_not_spoken(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "unspoken",
		.now = MARCH("07:35:00"),
		.until = MARCH("09:00:00"),
		.lines = {{"0 7 * * *", "notice", 60000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	AUTO(str_done) struct str told = STR_INIT;
	struct error err = {0};
	read_case(&c, &tz, &in);
	has_begun(&in.sources[0], MARCH("07:00:00"), false);
	in.from_us = time_of(MARCH("07:00:00"));
	assert_int_equal(plan_make(&in, &plan, &err), 0);
	tell(plan, &told);
	assert_string_equal(told.data,
			    "A0 missed: waits 35 min for its words to be spoken\n");
}

static void what_comes_after_has_an_end(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	struct error err = {0};
	assert_int_equal(tz_load("Asia/Shanghai", &tz, NULL), 0);
	fill_wide(&in, tz, 2000, MARCH("07:00:00"));
	add_wide(&in, "59 6 * * *", CLASS_NOTICE, 86400000, 1);
	add_wide(&in, "*/2 * * * *", CLASS_BACKGROUND, 1000, 2000);
	assert_int_equal(plan_make(&in, &plan, &err), 0);
	assert_false(plan->more);
	assert_true(plan->n_spots > PLAN_SPOTS_MAX);
	assert_true(plan->n_spots <= 2 * PLAN_SPOTS_MAX + 2000);
}

/* Hundreds of zones in two passes: that one has ended is looked at once for all. */
static void many_zones_in_passes(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	struct error err = {0};
	assert_int_equal(tz_load("Asia/Shanghai", &tz, NULL), 0);
	fill_wide(&in, tz, 600, MARCH("09:00:00"));
	add_wide(&in, "*/5 * * * *", CLASS_NOTICE, 60000, 600);
	clock_t began = clock();
	assert_int_equal(plan_make(&in, &plan, &err), 0);
	assert_true(clock() - began < 2 * CLOCKS_PER_SEC);
	assert_int_equal(plan->n_runs, 35);
	for (size_t i = 0; i < plan->n_spots; i++) {
		const struct plan_spot *spot = &plan->spots[i];
		int64_t late_us = spot->start_us - plan->runs[spot->run].due_us;
		assert_int_equal(spot->outcome, OUTCOME_PLAYED);
		assert_true(spot->pass == 0 ? late_us == 0 : late_us > 62 * SECOND);
	}
}

static void a_rule_that_cannot_be_read_is_told(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "bad",
		.now = MARCH("06:00:00"),
		.until = MARCH("09:00:00"),
		.lines = {{"0 7 * * *", "notice", 1000, "0", NULL},
			  {"61 7 * * *", "notice", 1000, "0", NULL}}};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(plan_input_done) struct plan_input in = {0};
	AUTO(plan_free) struct plan *plan = NULL;
	make(&c, &tz, &in, &plan);
	assert_int_equal(plan->n_runs, 1);
	assert_int_equal(plan->notices.in[PLAN_ZH].n, 1);
	assert_non_null(strstr(plan->notices.in[PLAN_EN].items[0],
			       "schedule 2 is left out: column 1"));
}

/* 2026-10-01 to 07 are off, 10-10, a Saturday, is worked (the State Council's notice). */
static void holidays_and_years_without(void **state) {
	(void)state;
	static const struct plan_case c = {
		.name = "holidays",
		.now = "2026-09-30T06:00:00+08:00",
		.until = "2026-10-12T00:00:00+08:00",
		.lines = {{"0 7 * * *; workday", "notice", 1000, "0", NULL},
			  {"0 8 * * *; workday", "notice", 1000, "0", NULL}}};
	static const int want[] = {30, 8, 9, 10};
	for (int known = 0; known < 2; known++) {
		AUTO(tz_free) struct tz *tz = NULL;
		AUTO(plan_input_done) struct plan_input in = {0};
		AUTO(plan_free) struct plan *plan = NULL;
		struct error err = {0};
		read_case(&c, &tz, &in);
		if (known) {
			assert_int_equal(calendar_new(&in.calendar, &err), 0);
			assert_int_equal(calendar_add_shipped(in.calendar, &err), 0);
		}
		assert_int_equal(plan_make(&in, &plan, &err), 0);
		/* Two ask for the same year, and it is told once. */
		assert_int_equal(plan->notices.in[PLAN_EN].n, known ? 0 : 1);
		assert_int_equal(plan->notices.in[PLAN_ZH].n, known ? 0 : 1);
		if (!known) {
			assert_non_null(
				strstr(plan->notices.in[PLAN_EN].items[0], "2026"));
			continue;
		}
		assert_int_equal(plan->n_runs, 2 * LENGTH(want));
		for (size_t i = 0; i < plan->n_runs; i += 2) {
			struct civil civil;
			tz_to_civil(tz, plan->runs[i].due_us / SECOND, &civil);
			assert_int_equal(civil.day, want[i / 2]);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_a_pencil),
		cmocka_unit_test(minutes_of_a_day),
		cmocka_unit_test(what_begins_behind_the_last_day),
		cmocka_unit_test(words_that_are_not_spoken),
		cmocka_unit_test(runs_that_are_there_already),
		cmocka_unit_test(what_was_interrupted_waits),
		cmocka_unit_test(too_much_ends_early_and_says_so),
		cmocka_unit_test(what_comes_after_has_an_end),
		cmocka_unit_test(many_zones_in_passes),
		cmocka_unit_test(a_rule_that_cannot_be_read_is_told),
		cmocka_unit_test(holidays_and_years_without),
	};
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
