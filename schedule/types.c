/* types.c - see types.h. */
#include "types.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TITLE_FROM_TEXT 120 /* bytes */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const run_class_names[] = {"background", "notice", "programme", "live",
					      "emergency"};
static const char *const outcome_names[] = {"planned", "playing", "paused",
					    "played",  "cut",     "failed",
					    "missed",  "skipped", "cancelled"};
static const char *const clip_limit_names[] = {"none", "noise", "peaks", "silence",
					       "unmeasured"};
static const char *const resume_names[] = {"resume", "restart", "drop"};
static const char *const conflict_names[] = {"wait", "skip"};
static const char *const override_action_names[] = {"skip", "move", "replace"};
static const char *const part_kind_names[] = {"chime",   "clip", "text",
					      "silence", "line", "stream"};
static const char *const severity_names[] = {"minor", "moderate", "severe", "extreme"};
static const char *const alert_level_names[] = {"village", "town",     "county",
						"city",    "province", "national"};
static const char *const alert_state_names[] = {"active", "played", "expired",
						"cancelled", "replaced"};

/* The place of a name in its list, or -EINVAL. */
static int name_find(const char *const *names, size_t n, const char *name) {
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0) {
			return (int)i;
		}
	}
	return -EINVAL;
}

#define DEFINE_NAMES(prefix, type)                                                       \
	const char *prefix##_name(type value) {                                          \
		assert((size_t)value < LENGTH(prefix##_names));                          \
		return prefix##_names[value];                                            \
	}                                                                                \
	int prefix##_parse(const char *name, type *ret) {                                \
		int i = name_find(prefix##_names, LENGTH(prefix##_names), name);         \
		if (i < 0) {                                                             \
			return i;                                                        \
		}                                                                        \
		*ret = (type)i;                                                          \
		return 0;                                                                \
	}

DEFINE_NAMES(run_class, enum run_class)
DEFINE_NAMES(outcome, enum outcome)
DEFINE_NAMES(clip_limit, enum clip_limit)
DEFINE_NAMES(resume, enum resume)
DEFINE_NAMES(conflict, enum conflict)
DEFINE_NAMES(override_action, enum override_action)
DEFINE_NAMES(part_kind, enum part_kind)
DEFINE_NAMES(severity, enum severity)
DEFINE_NAMES(alert_level, enum alert_level)
DEFINE_NAMES(alert_state, enum alert_state)

bool part_relayed(enum part_kind kind) {
	return kind == PART_LINE || kind == PART_STREAM;
}

bool outcome_final(enum outcome value) {
	return value != OUTCOME_PLANNED && value != OUTCOME_PLAYING &&
	       value != OUTCOME_PAUSED;
}

void ids_done(struct ids *ids) {
	free(ids->items);
	*ids = (struct ids){0};
}

bool ids_has(const struct ids *ids, int64_t id) {
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->items[i] == id) {
			return true;
		}
	}
	return false;
}

/* The lists keep no capacity of their own, so that anybody may fill one by hand; the
 * allocator's own rounding makes growing one by one cheap enough. */
bool ids_remove(struct ids *ids, int64_t id) {
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->items[i] == id) {
			ids->items[i] = ids->items[--ids->n];
			return true;
		}
	}
	return false;
}

int ids_add(struct ids *ids, int64_t id) {
	if (ids_has(ids, id)) {
		return 0;
	}
	int64_t *items = realloc(ids->items, (ids->n + 1) * sizeof(*items));
	if (items == NULL) {
		return -ENOMEM;
	}
	items[ids->n++] = id;
	ids->items = items;
	return 0;
}

void texts_done(struct texts *texts) {
	for (size_t i = 0; i < texts->n; i++) {
		free(texts->items[i]);
	}
	free(texts->items);
	*texts = (struct texts){0};
}

int texts_add(struct texts *texts, const char *text) {
	AUTO(free) char *copy = strdup(text);
	char **items = realloc(texts->items, (texts->n + 1) * sizeof(*items));
	if (items != NULL) {
		texts->items = items;
	}
	if (items == NULL || copy == NULL) {
		return -ENOMEM;
	}
	items[texts->n++] = MOVE(copy);
	return 0;
}

void area_done(struct area *area) {
	free(area->code);
	free(area->name);
	*area = (struct area){0};
}

void output_done(struct output *output) {
	free(output->name);
	free(output->pcm);
	*output = (struct output){0};
}

void zone_done(struct zone *zone) {
	free(zone->name);
	free(zone->amplifier);
	*zone = (struct zone){0};
}

void clip_done(struct clip *clip) {
	free(clip->title);
	free(clip->author);
	*clip = (struct clip){0};
}

static void part_done(struct part *part) {
	free(part->text);
	free(part->voice);
	free(part->fallback);
	*part = (struct part){0};
}

void content_done(struct content *content) {
	for (size_t i = 0; i < content->n_parts; i++) {
		part_done(&content->parts[i]);
	}
	free(content->parts);
	*content = (struct content){0};
}

int content_add(struct content *content, enum part_kind kind, const char *text,
		const char *voice, int64_t silence_ms) {
	struct part *parts =
		realloc(content->parts, (content->n_parts + 1) * sizeof(*parts));
	if (parts == NULL) {
		return -ENOMEM;
	}
	content->parts = parts;
	struct part part = {.kind = kind, .silence_ms = silence_ms};
	if ((text != NULL && (part.text = strdup(text)) == NULL) ||
	    (voice != NULL && (part.voice = strdup(voice)) == NULL)) {
		part_done(&part);
		return -ENOMEM;
	}
	parts[content->n_parts++] = part;
	return 0;
}

int content_add_relay(struct content *content, enum part_kind kind, const char *name,
		      const char *fallback, int64_t length_ms) {
	AUTO(free) char *copy = fallback != NULL ? strdup(fallback) : NULL;
	if (fallback != NULL && copy == NULL) {
		return -ENOMEM;
	}
	int rc = content_add(content, kind, name, NULL, 0);
	if (rc == 0) {
		struct part *part = &content->parts[content->n_parts - 1];
		part->fallback = MOVE(copy);
		part->length_ms = length_ms;
	}
	return rc;
}

bool content_relayed(const struct content *content) {
	for (size_t i = 0; i < content->n_parts; i++) {
		if (part_relayed(content->parts[i].kind)) {
			return true;
		}
	}
	return false;
}

int content_copy(const struct content *from, struct content *ret) {
	struct content copy = {.repeat = from->repeat, .gap_ms = from->gap_ms};
	for (size_t i = 0; i < from->n_parts; i++) {
		const struct part *part = &from->parts[i];
		int rc = part_relayed(part->kind)
				 ? content_add_relay(&copy, part->kind, part->text,
						     part->fallback, part->length_ms)
				 : content_add(&copy, part->kind, part->text, part->voice,
					       part->silence_ms);
		if (rc < 0) {
			content_done(&copy);
			return rc;
		}
	}
	*ret = copy;
	return 0;
}

void announcement_done(struct announcement *announcement) {
	free(announcement->title);
	content_done(&announcement->content);
	free(announcement->catalogue);
	free(announcement->author);
	*announcement = (struct announcement){0};
}

void override_done(struct override *override) {
	free(override->author);
	*override = (struct override){0};
}

void schedule_done(struct schedule *schedule) {
	for (size_t i = 0; i < schedule->n_overrides; i++) {
		override_done(&schedule->overrides[i]);
	}
	free(schedule->overrides);
	ids_done(&schedule->zones);
	texts_done(&schedule->areas);
	free(schedule->rule);
	free(schedule->author);
	*schedule = (struct schedule){0};
}

void run_done(struct run *run) {
	free(run->source);
	free(run->title);
	content_done(&run->content);
	free(run->author);
	for (size_t i = 0; i < run->n_zones; i++) {
		free(run->zones[i].zone_name);
		free(run->zones[i].reason);
	}
	free(run->zones);
	*run = (struct run){0};
}

void holiday_file_done(struct holiday_file *file) {
	free(file->name);
	free(file->content);
	free(file->author);
	*file = (struct holiday_file){0};
}

void recording_done(struct recording *recording) {
	free(recording->file);
	*recording = (struct recording){0};
}

enum outcome run_state(const struct run_zone *zones, size_t n) {
	static const enum outcome order[] = {
		OUTCOME_PLAYING,   OUTCOME_PAUSED,  OUTCOME_PLANNED,
		OUTCOME_FAILED,    OUTCOME_CUT,     OUTCOME_MISSED,
		OUTCOME_CANCELLED, OUTCOME_SKIPPED, OUTCOME_PLAYED};
	for (size_t i = 0; i < LENGTH(order); i++) {
		for (size_t j = 0; j < n; j++) {
			if (zones[j].outcome == order[i]) {
				return order[i];
			}
		}
	}
	return OUTCOME_SKIPPED;
}

void alert_done(struct alert *alert) {
	free(alert->headline);
	free(alert->text);
	free(alert->clip);
	ids_done(&alert->zones);
	texts_done(&alert->areas);
	ids_done(&alert->resolved);
	free(alert->ended_by);
	free(alert->author);
	*alert = (struct alert){0};
}

void alert_title(const struct alert *alert, char ret[ALERT_TITLE_SIZE]) {
	const char *words = alert->headline != NULL ? alert->headline : alert->text;
	words = words != NULL ? words : "";
	size_t len = strcspn(words, "\r\n");
	size_t max = alert->headline != NULL ? ALERT_TITLE_SIZE - 1 : TITLE_FROM_TEXT;
	len = len < max ? len : max;
	while (len > 0 && ((unsigned char)words[len] & 0xc0) == 0x80) {
		len--;
	}
	memcpy(ret, words, len);
	ret[len] = '\0';
}

void token_done(struct token *token) {
	free(token->name);
	*token = (struct token){0};
}
