/* alerts_sound.c - what one sounding of an alert says (see alerts_internal.h). */
#include "alerts_internal.h"

#include "base/str.h"
#include "log.h"

#include <string.h>

/* Bells, twice: 5.8 s. An attention tone is 4 to 10 s long. */
#define ATTENTION_CHIME "three-tone"
#define ATTENTION_TIMES 2
#define ATTENTION_NS (2 * 2900 * NS_PER_MS)
/* Longer than the words may be late, so that nothing slips in between. */
#define KEEP_MS 6000
/* Who joins by then has heard the words, however it rises. */
#define PRELUDE_MS (ATTENTION_NS / NS_PER_MS - 400)
#define PAUSE_MS 400
#define FALLBACK_TIMES 4
#define FALLBACK_PAUSE_MS 1000

const char *alert_drill_words(void) {
	return "演习，演习。这是一次演习，不是真的警报。";
}

int64_t force_attention_ns(void) {
	return ATTENTION_NS;
}

/* ---- content ---- */

static int add_chimes(struct content *c, int times, int64_t pause_ms) {
	int rc = 0;
	for (int i = 0; rc >= 0 && i < times; i++) {
		rc = content_add(c, PART_CHIME, ATTENTION_CHIME, NULL, 0);
		if (rc >= 0 && pause_ms > 0) {
			rc = content_add(c, PART_SILENCE, NULL, NULL, pause_ms);
		}
	}
	return rc;
}

static int add_text(struct content *c, const char *text) {
	int rc = content_add(c, PART_TEXT, text, NULL, 0);
	return rc < 0 ? rc : content_add(c, PART_SILENCE, NULL, NULL, PAUSE_MS);
}

/* What is said; a drill says that it is one, before and after. */
static int add_words(struct content *c, const struct alert *alert) {
	int rc = alert->drill ? add_text(c, alert_drill_words()) : 0;
	if (rc >= 0 && alert->headline != NULL) {
		rc = add_text(c, alert->headline);
	}
	if (rc >= 0) {
		rc = alert->text != NULL
			     ? add_text(c, alert->text)
			     : content_add(c, PART_CLIP, alert->clip, NULL, 0);
	}
	if (rc >= 0 && alert->drill) {
		rc = content_add(c, PART_TEXT, alert_drill_words(), NULL, 0);
	}
	return rc;
}

/* Without speech: the alert's own recording, else the box's, else chimes. A drill's own
 * sentence is spoken always. */
static int add_fallback(struct alerts *a, struct content *c, const struct alert *alert,
			bool last) {
	AUTO(clip_done) struct clip row = {0};
	const char *clip = alert->clip != NULL ? alert->clip : a->fallback_clip;
	if (!last && clip[0] != '\0' &&
	    store_clip_get(a->config.store, clip, &row, NULL) < 0) {
		log_err("the recording for alerts without words, clip %.12s, is not in "
			"the library",
			clip);
		last = true;
	}
	int rc = alert->drill ? add_text(c, alert_drill_words()) : 0;
	if (rc < 0) {
		return rc;
	}
	return last || clip[0] == '\0' ? add_chimes(c, FALLBACK_TIMES, FALLBACK_PAUSE_MS)
				       : content_add(c, PART_CLIP, clip, NULL, 0);
}

static int compose(struct alerts *a, const struct alert *alert, enum sounding what,
		   struct content *ret) {
	*ret = (struct content){.repeat = 1};
	int rc = 0;
	switch (what) {
	case SOUNDING_ATTENTION:
		return add_chimes(ret, ATTENTION_TIMES, 0);
	case SOUNDING_FULL:
		rc = add_chimes(ret, ATTENTION_TIMES, 0);
		return rc < 0 ? rc : add_words(ret, alert);
	case SOUNDING_WORDS:
		return add_words(ret, alert);
	case SOUNDING_FALLBACK:
	case SOUNDING_LAST:
		break;
	}
	return add_fallback(a, ret, alert, what == SOUNDING_LAST);
}

/* ---- speech ---- */

static bool is_spoken(const struct alerts *a, const char *text) {
	char id[CLIP_ID_SIZE];
	return library_spoken(a->config.library, text, NULL, SPEED_NORMAL, id, NULL) >= 0;
}

bool force_drill_ready(const struct alerts *a, const struct force *f) {
	return !f->alert.drill || is_spoken(a, alert_drill_words());
}

bool force_words_ready(const struct alerts *a, const struct force *f) {
	return force_drill_ready(a, f) &&
	       (f->alert.headline == NULL || is_spoken(a, f->alert.headline)) &&
	       (f->alert.text == NULL || is_spoken(a, f->alert.text));
}

static void speech_free(struct alert_speech *speech) {
	if (speech->alerts != NULL) {
		struct alert_speech **at = &speech->alerts->speeches;
		while (*at != speech) {
			at = &(*at)->next;
		}
		*at = speech->next;
	}
	free(speech);
}

static void on_spoken(void *arg, const struct clip *clip, bool known,
		      const struct error *err) {
	(void)clip;
	(void)known;
	struct alert_speech *speech = arg;
	struct alerts *a = speech->alerts;
	struct force *f = a != NULL ? alerts_force(a, speech->id) : NULL;
	if (f != NULL) {
		f->speaking--;
		if (err != NULL && err->code != ECANCELED) {
			f->unspeakable = true;
			str_copy(f->speech_error, sizeof(f->speech_error), err->text);
		}
		f->spoken = f->speaking == 0 && !f->unspeakable;
		alerts_turn_soon(a);
	}
	speech_free(speech);
}

static void speak(struct alerts *a, struct force *f, const char *text) {
	if (text == NULL || is_spoken(a, text)) {
		return;
	}
	struct error err = {0};
	struct library_words words = {.text = text,
				      .speed = SPEED_NORMAL,
				      .author = f->alert.author,
				      .urgent = true};
	struct alert_speech *speech = calloc(1, sizeof(*speech));
	if (speech == NULL) {
		error_set(&err, ENOMEM, "no memory to have words spoken");
	} else if (library_speak(a->config.library, &words, on_spoken, speech, &err) >=
		   0) {
		speech->alerts = a;
		speech->id = f->alert.id;
		speech->next = a->speeches;
		a->speeches = speech;
		f->speaking++;
		return;
	}
	free(speech);
	f->unspeakable = true;
	str_copy(f->speech_error, sizeof(f->speech_error), err.text);
}

void force_speak(struct alerts *a, struct force *f) {
	if (f->speaking > 0) {
		return;
	}
	f->unspeakable = false;
	f->spoken = false;
	speak(a, f, f->alert.drill ? alert_drill_words() : NULL);
	speak(a, f, f->alert.headline);
	speak(a, f, f->alert.text);
	f->spoken = f->speaking == 0 && !f->unspeakable;
}

/* ---- one run ---- */

/* The zones it means now: an area may have got new ones since. What cannot be read
 * anew is as it was. */
static int zones_now(struct alerts *a, const struct alert *alert, struct ids *ret) {
	struct ids in_areas = {0};
	static const struct ids none = {0};
	int rc = 0;
	if (alert->areas.n > 0) {
		rc = store_targets_resolve(a->config.store, &none, &alert->areas,
					   &in_areas, NULL);
	}
	const struct ids *from[] = {&alert->zones, rc < 0 ? &alert->resolved : &in_areas};
	rc = 0;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; rc >= 0 && i < from[k]->n; i++) {
			rc = ids_add(ret, from[k]->items[i]);
		}
	}
	ids_done(&in_areas);
	return rc;
}

/* A recording without a headline is called as it is in the library. */
static void force_title(struct alerts *a, const struct force *f,
			char ret[ALERT_TITLE_SIZE]) {
	AUTO(clip_done) struct clip clip = {0};
	alert_title(&f->alert, ret);
	if (ret[0] == '\0' &&
	    store_clip_get(a->config.store, f->alert.clip, &clip, NULL) >= 0) {
		str_copy(ret, ALERT_TITLE_SIZE, clip.title != NULL ? clip.title : "");
	}
}

int force_send(struct alerts *a, struct force *f, enum sounding what, struct error *err) {
	AUTO(content_done) struct content content = {0};
	AUTO(ids_done) struct ids zones = {0};
	if (compose(a, &f->alert, what, &content) < 0 ||
	    (f->only.n == 0 && zones_now(a, &f->alert, &zones) < 0)) {
		return error_set(err, ENOMEM, "no memory for the sounding of an alert");
	}
	char title[ALERT_TITLE_SIZE];
	force_title(a, f, title);
	struct director_sounding sounding = {
		.alert = f->alert.id,
		.severity = f->alert.severity,
		.level = f->alert.level,
		.drill = f->alert.drill,
		.again = f->heard,
		.tag = (int)what,
		.keep_ms = what == SOUNDING_ATTENTION ? KEEP_MS : 0,
		.prelude_ms = what == SOUNDING_FULL ? PRELUDE_MS : 0,
		.title = title,
		.content = &content,
		.zones = f->only.n > 0 ? &f->only : &zones,
		.expires_us = f->alert.expires_us,
		.author = f->alert.author,
	};
	int rc = director_sound(a->config.director, &sounding, &f->last_run, err);
	if (rc >= 0) {
		f->live++;
	}
	return rc;
}
