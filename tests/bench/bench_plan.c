/* bench_plan.c - how long a plan takes, without and with its answer as JSON, for boxes of
 * different sizes. Prints a table; run by ./dev bench. */
#include "schedule/plan.h"
#include "web-admin/plan_render.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE 60000000LL
#define DAY (1440 * MINUTE)
#define ROUNDS 20
#define NOW 1796054400000000LL /* 2026-12-01 00:00 in Shanghai */

struct size {
	const char *name;
	size_t schedules;
	size_t zones;      /* of the box */
	size_t zones_each; /* of a schedule */
};

static double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fill(const struct size *size, const struct tz *tz, struct plan_input *ret) {
	*ret = (struct plan_input){
		.tz = tz, .now_us = NOW, .from_us = NOW, .until_us = NOW + 7 * DAY};
	ret->zones = calloc(size->zones, sizeof(*ret->zones));
	ret->n_zones = size->zones;
	for (size_t i = 0; i < size->zones; i++) {
		ret->zones[i] = (struct zone){.id = (int64_t)i + 1,
					      .name = strdup("东村大喇叭"),
					      .output = (int64_t)i / 4 + 1,
					      .quiet = {{22 * 60, 6 * 60}, {720, 840}},
					      .n_quiet = 2};
	}
	for (size_t i = 0; i < size->schedules; i++) {
		struct plan_source *s = plan_input_add(ret);
		char rule[80];
		snprintf(rule, sizeof(rule), "%d %d * * *", (int)(i * 7 % 60),
			 6 + (int)(i / 60 % 16));
		s->schedule = (int64_t)i + 1;
		s->said.title = strdup("今天的通知");
		s->rule = strdup(rule);
		s->class = i % 3 == 0 ? CLASS_BACKGROUND : CLASS_NOTICE;
		s->said.length_ms = 20000 + (int64_t)(i * 7919 % 120000);
		s->zones = calloc(size->zones_each, sizeof(*s->zones));
		s->n_zones = size->zones_each;
		for (size_t k = 0; k < size->zones_each; k++) {
			s->zones[k] = (uint32_t)((i + k) % size->zones);
		}
	}
}

static void measure(const struct size *size, const struct tz *tz) {
	AUTO(plan_input_done) struct plan_input in = {0};
	double best_ms = 1e9;
	double best_json_ms = 1e9;
	double sum_ms = 0;
	size_t runs = 0;
	size_t spots = 0;
	size_t bytes = 0;
	fill(size, tz, &in);
	for (int i = 0; i < ROUNDS; i++) {
		struct error err = {0};
		AUTO(plan_free) struct plan *plan = NULL;
		AUTO(str_done) struct str text = STR_INIT;
		double began_ms = now_ms();
		if (plan_make(&in, &plan, &err) < 0) {
			printf("%s: %s\n", size->name, err.text);
			return;
		}
		double made_ms = now_ms();
		if (plan_json(plan, &text) < 0) {
			return;
		}
		double json_ms = now_ms() - made_ms;
		double ms = made_ms - began_ms;
		best_ms = ms < best_ms ? ms : best_ms;
		best_json_ms = json_ms < best_json_ms ? json_ms : best_json_ms;
		sum_ms += ms;
		runs = plan->n_runs;
		spots = plan->n_spots;
		bytes = text.len;
	}
	printf("| %s | %zu | %zu | %.1f | %.1f | %.1f | %.1f |\n", size->name, runs,
	       spots, best_ms, sum_ms / ROUNDS, best_json_ms, (double)bytes / 1e6);
}

int main(void) {
	static const struct size sizes[] = {
		{"1,000 schedules, 16 zones, each in one", 1000, 16, 1},
		{"1,000 schedules, 16 zones, each in four", 1000, 16, 4},
		{"1,000 schedules, 16 zones, each in all", 1000, 16, 16},
		{"40 schedules, 172 zones, each in all", 40, 172, 172},
		{"100,000 schedules, 172 zones, each in one (ends early)", 100000, 172,
		 1},
	};
	struct error err = {0};
	AUTO(tz_free) struct tz *tz = NULL;
	if (tz_load("Asia/Shanghai", &tz, &err) < 0) {
		printf("%s\n", err.text);
		return 1;
	}
	printf("| seven days of | runs | in zones | plan ms, best | mean | JSON ms | MB "
	       "|\n"
	       "|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(&sizes[i], tz);
	}
	return 0;
}
