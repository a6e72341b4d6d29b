/* alerts_ask.c - an alert is asked, replaced or cancelled (see alerts_internal.h). */
#include "alerts_internal.h"

#include "audio/speech.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_NS (300 * NS_PER_MS)

static int check_expires(const struct alerts *a, struct alert *alert, int64_t now_us,
			 struct error *err) {
	alert->expires_given = alert->expires_us != TIME_NONE;
	if (!alert->expires_given) {
		alert->expires_us = now_us + ALERT_EXPIRES_DEFAULT_S * INT64_C(1000000);
		return 0;
	}
	if (alert->expires_us <= now_us) {
		return error_set_field(err, EINVAL, "expires",
				       "\"expires\" is past; leave it out for an hour "
				       "from now");
	}
	struct clock_verdict verdict;
	clock_verdict_now(a->config.clock, &verdict);
	/* A clock that is wrong is no judge of it. */
	if (verdict.trusted &&
	    alert->expires_us > now_us + ALERT_EXPIRES_MAX_S * INT64_C(1000000)) {
		return error_set_field(err, EINVAL, "expires",
				       "\"expires\" is more than %d days ahead; what is "
				       "still true then is to be said again",
				       ALERT_EXPIRES_MAX_S / 86400);
	}
	return 0;
}

static int over_already(struct alerts *a, int64_t id, struct error *err) {
	AUTO(alert_done) struct alert row = {0};
	const struct alert *known = alerts_find(a, id);
	int rc = known == NULL ? store_alert_get(a->config.store, id, &row, err) : 0;
	return rc < 0 ? rc
		      : error_set(err, EALREADY, "alert %lld is %s already",
				  (long long)id,
				  alert_state_name(known != NULL ? known->state
								 : row.state));
}

static int check_updates(struct alerts *a, const struct alert *alert, struct error *err) {
	const struct force *f = alerts_force(a, alert->updates);
	if (alert->drill && f != NULL && force_active(f) && !f->alert.drill) {
		return error_set_field(err, EINVAL, "updates",
				       "alert %lld is no drill, so a drill does not "
				       "replace it; leave out \"updates\", or \"drill\"",
				       (long long)alert->updates);
	}
	if (alert->updates == 0 || (f != NULL && force_active(f))) {
		return 0;
	}
	int rc = over_already(a, alert->updates, err);
	if (rc == -ENOENT) {
		return error_set_field(err, EINVAL, "updates", "there is no alert %lld",
				       (long long)alert->updates);
	}
	return rc == -EALREADY ? error_set_field(err, EALREADY, "updates",
						 "alert %lld is over; ask for a new one "
						 "without \"updates\"",
						 (long long)alert->updates)
			       : rc;
}

static int check(struct alerts *a, struct alert *alert, int64_t now_us,
		 struct error *err) {
	if (alert->text != NULL && strlen(alert->text) > SPEECH_TEXT_MAX) {
		return error_set_field(err, EINVAL, "text",
				       "\"text\" has more than %d bytes; shorten it, or "
				       "upload a recording",
				       SPEECH_TEXT_MAX);
	}
	int rc = check_expires(a, alert, now_us, err);
	return rc < 0 ? rc : check_updates(a, alert, err);
}

/* What it updates falls silent, it sounds; then both are written. */
static void replace(struct alerts *a, struct force *f) {
	struct force *old = alerts_force(a, f->alert.updates);
	char reason[64];
	snprintf(reason, sizeof(reason), "alert %lld replaces it",
		 (long long)f->alert.id);
	bool replaces = old != NULL && force_active(old);
	if (replaces) {
		director_stop_alert(a->config.director, old->alert.id, reason);
	}
	force_begin(a, f);
	if (replaces) {
		force_end(a, old, ALERT_REPLACED, f->alert.author, reason);
	}
}

static struct force *take_up(struct alerts *a, struct alert *alert, int64_t asked_ns) {
	int64_t now_us = clock_now_us();
	alert->id = ++a->last_id;
	alert->state = ALERT_ACTIVE;
	alert->created_us = now_us;
	alert->ended_us = TIME_NONE;
	alert->first_sound_ms = -1;
	alert->on_disk = false;
	struct force *f = alerts_force_new(a, alert);
	if (f == NULL) {
		a->last_id--;
		return NULL;
	}
	f->fresh = true;
	f->asked_ns = asked_ns;
	f->ends_ns = clock_mono_ns() + clock_span_ns(f->alert.expires_us - now_us);
	return f;
}

/* In force: sounds, and is written. */
static int enforce(struct alerts *a, struct alert *alert, int64_t asked_ns,
		   alerts_done_fn done, void *arg, struct error *err) {
	struct force *f = take_up(a, alert, asked_ns);
	if (f == NULL) {
		return error_set(err, ENOMEM, "no memory for an alert");
	}
	bool joined = alerts_together(a);
	replace(a, f);
	force_record(a, f);
	alerts_together_end(a, joined, f->alert.id);
	f->done = done;
	f->done_arg = arg;
	f->done_ns = clock_mono_ns() + ANSWER_NS;
	force_tell(a, f);
	alerts_turn_soon(a);
	return 0;
}

static void on_drill_spoken(void *arg, const struct clip *clip, bool known,
			    const struct error *why) {
	(void)clip;
	(void)known;
	struct alert_speech *speech = arg;
	struct alerts *a = speech->alerts;
	struct error err = {0};
	if (a != NULL) {
		struct alert_speech **at = &a->speeches;
		while (*at != speech) {
			at = &(*at)->next;
		}
		*at = speech->next;
		int rc = check_updates(a, &speech->drill, &err);
		if (why != NULL) {
			rc = error_set(&err, EAGAIN,
				       "a drill must say that it is one, and that could "
				       "not be spoken: %s",
				       why->text);
		}
		if (rc >= 0) {
			rc = enforce(a, &speech->drill, speech->asked_ns, speech->done,
				     speech->done_arg, &err);
		}
		if (rc < 0) {
			speech->done(speech->done_arg, NULL, &err);
		}
	}
	alert_done(&speech->drill);
	free(speech);
}

static int ask_drill(struct alerts *a, struct alert *alert, alerts_done_fn done,
		     void *arg, struct error *err) {
	struct alert_speech *speech = calloc(1, sizeof(*speech));
	if (speech == NULL) {
		return error_set(err, ENOMEM, "no memory for an alert");
	}
	struct library_words words = {.text = alert_drill_words(),
				      .speed = SPEED_NORMAL,
				      .author = alert->author,
				      .urgent = true};
	int rc = library_speak(a->config.library, &words, on_drill_spoken, speech, err);
	if (rc < 0) {
		free(speech);
		return error_prefix(err, "a drill must say that it is one: ");
	}
	speech->drill = *alert;
	*alert = (struct alert){0};
	speech->done = done;
	speech->done_arg = arg;
	speech->asked_ns = clock_mono_ns();
	speech->alerts = a;
	speech->next = a->speeches;
	a->speeches = speech;
	return 0;
}

int alerts_ask(struct alerts *a, struct alert *asked, alerts_done_fn done, void *arg,
	       int64_t *ret_id, struct error *err) {
	AUTO(alert_done) struct alert alert = *asked;
	int64_t asked_ns = clock_mono_ns();
	*asked = (struct alert){0};
	int rc = check(a, &alert, clock_now_us(), err);
	if (rc < 0) {
		return rc;
	}
	if (alert.drill) {
		return ask_drill(a, &alert, done, arg, err);
	}
	rc = enforce(a, &alert, asked_ns, done, arg, err);
	if (rc >= 0) {
		*ret_id = a->last_id;
	}
	return rc < 0 ? rc : 1;
}

int alerts_cancel(struct alerts *a, int64_t id, const char *author, struct error *err) {
	struct force *f = alerts_force(a, id);
	if (f == NULL || !force_active(f)) {
		return over_already(a, id, err);
	}
	char reason[256];
	snprintf(reason, sizeof(reason), "the alert was cancelled by %s", author);
	bool joined = alerts_together(a);
	force_end(a, f, ALERT_CANCELLED, author, reason);
	alerts_together_end(a, joined, id);
	return 0;
}
