/* priority.c - see priority.h. */
#include "priority.h"

#include "base/str.h"

/* A notice and a programme are equals: who came first ends first. */
static int rank(enum run_class class) {
	return class == CLASS_PROGRAMME ? CLASS_NOTICE : (int)class;
}

/* Above 0 where a's alert outranks b's. */
static int alert_rank(const struct contender *a, const struct contender *b) {
	if (a->drill != b->drill) {
		return a->drill ? -1 : 1;
	}
	return a->severity != b->severity ? (int)a->severity - (int)b->severity
					  : (int)a->level - (int)b->level;
}

enum verdict priority_judge(const struct contender *holder,
			    const struct contender *asking) {
	if (holder == NULL) {
		return VERDICT_PLAY;
	}
	if (asking->class == CLASS_EMERGENCY && holder->class == CLASS_EMERGENCY) {
		/* A drill is not finished first. */
		bool lets = asking->again && holder->drill == asking->drill;
		return alert_rank(asking, holder) > 0 && !lets ? VERDICT_PAUSE
							       : VERDICT_WAIT;
	}
	if (rank(asking->class) <= rank(holder->class)) {
		bool beneath = asking->class == CLASS_BACKGROUND && asking->begun &&
			       rank(holder->class) == CLASS_NOTICE;
		return beneath ? VERDICT_BENEATH : VERDICT_WAIT;
	}
	bool ducks =
		holder->class == CLASS_BACKGROUND && rank(asking->class) == CLASS_NOTICE;
	return ducks ? VERDICT_DUCK : VERDICT_PAUSE;
}

bool priority_before(const struct contender *a, const struct contender *b) {
	if (rank(a->class) != rank(b->class)) {
		return rank(a->class) > rank(b->class);
	}
	if (a->class == CLASS_EMERGENCY && alert_rank(a, b) != 0) {
		return alert_rank(a, b) > 0;
	}
	if (a->class == CLASS_EMERGENCY && a->alert != b->alert) {
		return a->alert < b->alert;
	}
	if (a->begun != b->begun) {
		return a->begun;
	}
	if (a->due_us != b->due_us) {
		return a->due_us < b->due_us;
	}
	return a->run < b->run;
}

static bool span_has(const struct quiet_span *span, int minute) {
	if (span->from_min < span->to_min) {
		return minute >= span->from_min && minute < span->to_min;
	}
	return minute >= span->from_min || minute < span->to_min;
}

bool quiet_at(const struct quiet_span *spans, size_t n, int minute_of_day,
	      size_t *ret_span) {
	for (size_t i = 0; i < n; i++) {
		if (span_has(&spans[i], minute_of_day)) {
			*ret_span = i;
			return true;
		}
	}
	return false;
}

void quiet_words(const struct quiet_span *span, const char *zone, char *ret,
		 size_t size) {
	str_format(ret, size, "quiet hours %02d:%02d to %02d:%02d in zone '%s'",
		   span->from_min / 60, span->from_min % 60, span->to_min / 60,
		   span->to_min % 60, zone);
}

bool class_has_passes(enum run_class class) {
	return rank(class) == CLASS_NOTICE;
}
