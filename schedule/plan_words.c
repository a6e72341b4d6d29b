/* plan_words.c - what comes of a run in a zone, in words (see plan.h). */
#include "plan.h"

#include "base/str.h"
#include "priority.h"

static void time_words(int64_t ms, enum plan_lang lang, char *ret, size_t size) {
	if (ms < 120000) {
		str_format(ret, size, lang == PLAN_ZH ? "%lld 秒" : "%lld s",
			   (long long)(ms + 500) / 1000);
	} else {
		str_format(ret, size, lang == PLAN_ZH ? "%lld 分钟" : "%lld min",
			   (long long)(ms + 30000) / 60000);
	}
}

static const char *title_of(const struct plan *p, int32_t run) {
	return plan_said_of(p, (uint32_t)run)->title;
}

static void quiet_of(const struct plan *p, const struct plan_spot *spot,
		     enum plan_lang lang, char *ret, size_t size) {
	const struct zone *zone = &p->input->zones[spot->zone];
	const struct quiet_span *q = &zone->quiet[spot->span];
	if (lang == PLAN_EN) {
		quiet_words(q, zone->name, ret, size);
		return;
	}
	str_format(ret, size, "分区“%s”在 %02d:%02d 至 %02d:%02d 静音", zone->name,
		   q->from_min / 60, q->from_min % 60, q->to_min / 60, q->to_min % 60);
}

/* Of one that does not sound, or not to its end. */
static void why_words(const struct plan *p, const struct plan_spot *spot,
		      enum plan_lang lang, char *ret, size_t size) {
	bool zh = lang == PLAN_ZH;
	char waited[32];
	switch (spot->why) {
	case PLAN_WHY_QUIET:
		quiet_of(p, spot, lang, ret, size);
		break;
	case PLAN_WHY_EXPIRED:
		str_format(ret, size, zh ? "广播已过期" : "the announcement has expired");
		break;
	case PLAN_WHY_TAKEN:
		str_format(ret, size, zh ? "分区正在播“%s”" : "'%s' has the zone",
			   title_of(p, spot->behind));
		break;
	case PLAN_WHY_WAITED:
		time_words((spot->end_us - p->runs[spot->run].due_us) / 1000, lang,
			   waited, sizeof(waited));
		if (spot->behind < 0) {
			str_format(ret, size,
				   zh ? "等了 %s，内容还没有准备好"
				      : "waits %s for its words to be spoken",
				   waited);
			break;
		}
		str_format(ret, size,
			   zh ? "等了 %s，“%s”还没播完" : "waits %s for the end of '%s'",
			   waited, title_of(p, spot->behind));
		break;
	case PLAN_WHY_ONCE: /* once_words says it */
	case PLAN_WHY_NONE:
		ret[0] = '\0';
		break;
	}
}

/* What is done to it just this once, as the director notes it. */
static void once_words(const struct plan *p, const struct plan_spot *spot,
		       enum plan_lang lang, char *ret, size_t size) {
	bool zh = lang == PLAN_ZH;
	const struct plan_run *run = &p->runs[spot->run];
	const struct override *o = run->override;
	const char *who = o != NULL ? o->author : "";
	const char *own = plan_source_of(p, spot->run)->said.title;
	bool other = plan_said_of(p, spot->run)->title != own;
	char from[WALL_SIZE];
	who = who[0] != '\0' ? who : zh ? "某人" : "somebody";
	wall_format(p->input->tz, run->occurrence_us, from);
	ret[0] = '\0';
	if (o != NULL && o->action == OVERRIDE_SKIP) {
		str_format(ret, size,
			   zh ? "仅此一次不播（%s）" : "skipped just this once by %s",
			   who);
	} else if (run->occurrence_us != run->due_us && other) {
		str_format(ret, size,
			   zh ? "由 %s 改到此时，代替“%s”（%s）"
			      : "moved from %s, in place of '%s', by %s",
			   from, own, who);
	} else if (run->occurrence_us != run->due_us) {
		str_format(ret, size, zh ? "由 %s 改到此时（%s）" : "moved from %s by %s",
			   from, who);
	} else if (other) {
		str_format(ret, size, zh ? "代替“%s”（%s）" : "in place of '%s', by %s",
			   own, who);
	}
}

/* Of one that sounds later than it is due. */
static void late_words(const struct plan *p, const struct plan_spot *spot,
		       enum plan_lang lang, char *ret, size_t size) {
	bool zh = lang == PLAN_ZH;
	char late[32];
	int64_t due_us = p->runs[spot->run].due_us;
	ret[0] = '\0';
	if (spot->start_us == TIME_NONE || spot->start_us <= due_us) {
		return;
	}
	time_words((spot->start_us - due_us) / 1000, lang, late, sizeof(late));
	if (spot->behind >= 0) {
		str_format(ret, size,
			   zh ? "推迟 %s，排在“%s”之后" : "%s later, behind '%s'", late,
			   title_of(p, spot->behind));
	} else if (spot->pass > 0) {
		str_format(ret, size,
			   zh ? "推迟 %s，第 %d 轮（共 %d 轮）"
			      : "%s later, pass %d of %d",
			   late, spot->pass + 1, spot->n_passes);
	}
}

static void soft_words(const struct plan *p, const struct plan_spot *spot,
		       enum plan_lang lang, char *ret, size_t size) {
	char length[32];
	ret[0] = '\0';
	if (spot->above >= 0 && spot->soft_ms > 0) {
		time_words(spot->soft_ms, lang, length, sizeof(length));
		str_format(ret, size,
			   lang == PLAN_ZH ? "播“%s”时降低音量 %s"
					   : "softer beneath '%s' for %s",
			   title_of(p, spot->above), length);
	}
}

void plan_words(const struct plan *p, const struct plan_spot *spot, enum plan_lang lang,
		char ret[PLAN_WORDS_SIZE]) {
	char parts[4][PLAN_WORDS_SIZE];
	once_words(p, spot, lang, parts[0], sizeof(parts[0]));
	late_words(p, spot, lang, parts[1], sizeof(parts[1]));
	soft_words(p, spot, lang, parts[2], sizeof(parts[2]));
	why_words(p, spot, lang, parts[3], sizeof(parts[3]));
	AUTO(str_done) struct str all = STR_INIT;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i][0] != '\0') {
			const char *join = lang == PLAN_ZH ? "；" : "; ";
			rc = str_printf(&all, "%s%s", all.len > 0 ? join : "", parts[i]);
		}
	}
	str_copy(ret, PLAN_WORDS_SIZE, all.data != NULL ? all.data : "");
}
