/* types.h - the things dalaba speaks of, as plain values. Words as in
 * docs/architecture.md. Owner: whoever filled them; each *_done releases what the value
 * owns and leaves it empty. Threads: values, no locks. Never blocks.
 *
 * Units: *_us is UTC microseconds since 1970; *_ms milliseconds; *_db decibels; *_lufs
 * EBU R128 loudness; *_dbtp true peak. An id is the row's number, 0 for none. All text is
 * UTF-8 and owned (malloc) unless the field says otherwise; NULL or "" is no text. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIP_ID_SIZE 65 /* 64 hex digits and NUL */
#define OUTPUT_CHANNELS_MAX 32
#define ZONE_QUIET_MAX 8
#define ZONE_PASS_MAX 9
#define RELAY_LINE_MAX 100    /* bytes of its name */
#define RELAY_STREAM_MAX 1000 /* bytes of its address */
#define RELAY_LENGTH_MIN_MS 1000
#define RELAY_LENGTH_MAX_MS 86400000 /* a day */
#define SCHEDULE_OVERRIDES_MAX 400
#define TIME_NONE INT64_MIN /* no time: open validity, not started */

/* Ascending rank; notice and programme rank alike (DESIGN: Words). */
enum run_class {
	CLASS_BACKGROUND,
	CLASS_NOTICE,
	CLASS_PROGRAMME,
	CLASS_LIVE,
	CLASS_EMERGENCY,
};

/* What became of a run in one zone. The first three are not final. */
enum outcome {
	OUTCOME_PLANNED,
	OUTCOME_PLAYING,
	OUTCOME_PAUSED, /* it began, a higher class has the zone, and it will come back */
	OUTCOME_PLAYED,
	OUTCOME_CUT,
	OUTCOME_FAILED,
	OUTCOME_MISSED,
	OUTCOME_SKIPPED,
	OUTCOME_CANCELLED,
};

/* What an interrupted announcement does afterwards. */
/* Why a clip does not sound as loud as the others. */
enum clip_limit {
	CLIP_LIMIT_NONE,       /* it does */
	CLIP_LIMIT_NOISE,      /* too quiet: more gain would raise its noise */
	CLIP_LIMIT_PEAKS,      /* its peaks are too far above the rest */
	CLIP_LIMIT_SILENCE,    /* nothing in it can be measured */
	CLIP_LIMIT_UNMEASURED, /* taken before it was measured as it is played */
};
enum resume { RESUME_RESUME, RESUME_RESTART, RESUME_DROP };

/* What a schedule does where its zone is taken by its equal. */
enum conflict { CONFLICT_WAIT, CONFLICT_SKIP };

/* What becomes of one occurrence of a schedule, just this once. */
enum override_action { OVERRIDE_SKIP, OVERRIDE_MOVE, OVERRIDE_REPLACE };

/* A line is what comes in at an ALSA capture, a stream what comes from an address. */
enum part_kind {
	PART_CHIME,
	PART_CLIP,
	PART_TEXT,
	PART_SILENCE,
	PART_LINE,
	PART_STREAM,
};
bool part_relayed(enum part_kind kind); /* of these two */

/* How bad it is (CAP 1.2, `severity`), and who says so; ascending rank. */
enum severity { SEVERITY_MINOR, SEVERITY_MODERATE, SEVERITY_SEVERE, SEVERITY_EXTREME };
enum alert_level {
	LEVEL_VILLAGE,
	LEVEL_TOWN,
	LEVEL_COUNTY,
	LEVEL_CITY,
	LEVEL_PROVINCE,
	LEVEL_NATIONAL,
};

/* Active is the only one that sounds; the others are final. */
enum alert_state {
	ALERT_ACTIVE,
	ALERT_PLAYED, /* was to sound once, and did */
	ALERT_EXPIRED,
	ALERT_CANCELLED,
	ALERT_REPLACED, /* by an update */
};

/* Names as in the API ("background", "played", "resume", ...). *_parse returns 0 or
 * -EINVAL. */
const char *run_class_name(enum run_class value);
int run_class_parse(const char *name, enum run_class *ret);
const char *outcome_name(enum outcome value);
int outcome_parse(const char *name, enum outcome *ret);
bool outcome_final(enum outcome value);
const char *clip_limit_name(enum clip_limit value);
int clip_limit_parse(const char *name, enum clip_limit *ret);
const char *resume_name(enum resume value);
int resume_parse(const char *name, enum resume *ret);
const char *conflict_name(enum conflict value);
int conflict_parse(const char *name, enum conflict *ret);
const char *override_action_name(enum override_action value);
int override_action_parse(const char *name, enum override_action *ret);
const char *part_kind_name(enum part_kind value);
int part_kind_parse(const char *name, enum part_kind *ret);
const char *severity_name(enum severity value);
int severity_parse(const char *name, enum severity *ret);
const char *alert_level_name(enum alert_level value);
int alert_level_parse(const char *name, enum alert_level *ret);
const char *alert_state_name(enum alert_state value);
int alert_state_parse(const char *name, enum alert_state *ret);

struct ids {
	int64_t *items;
	size_t n;
};
void ids_done(struct ids *ids);
DEFINE_AUTO_DONE(struct ids, ids_done)
int ids_add(struct ids *ids, int64_t id); /* 0 or -ENOMEM; adding one twice keeps one */
bool ids_has(const struct ids *ids, int64_t id);
bool ids_remove(struct ids *ids, int64_t id); /* false where it is not among them */

struct texts {
	char **items;
	size_t n;
};
void texts_done(struct texts *texts);
DEFINE_AUTO_DONE(struct texts, texts_done)
int texts_add(struct texts *texts, const char *text); /* copies; 0 or -ENOMEM */

struct area {
	int64_t id;
	char *code; /* 2, 4, 6, 9 or 12 digits, or twelve and a local suffix */
	char *name;
	int64_t parent; /* an area's id, 0 at the top */
};
void area_done(struct area *area);
DEFINE_AUTO_DONE(struct area, area_done)

struct output {
	int64_t id;
	char *name;
	char *pcm;    /* an ALSA PCM name, or "wav:PATH" */
	int rate;     /* Hz, 8000 to 192000; 0 lets the card choose (48000 preferred) */
	int channels; /* 1 to OUTPUT_CHANNELS_MAX */
};
void output_done(struct output *output);
DEFINE_AUTO_DONE(struct output, output_done)

/* Minutes of the local day. from > to passes midnight; from == to is the whole day. */
struct quiet_span {
	int from_min; /* 0 to 1439 */
	int to_min;   /* 0 to 1440 */
};

struct zone {
	int64_t id;
	char *name;
	int64_t output;
	int channels[OUTPUT_CHANNELS_MAX]; /* of the output, from 0, each once */
	size_t n_channels;
	int64_t area;       /* 0 for none */
	double gain_db;     /* -60 to max_gain_db */
	double max_gain_db; /* -60 to 20: what nothing may pass */
	struct quiet_span quiet[ZONE_QUIET_MAX];
	size_t n_quiet;
	int lead_ms; /* silence before the sound while the amplifier wakes, 0 to 10000 */
	int pass; /* 0 to ZONE_PASS_MAX: lower ones first where a run is said in passes */
	char *amplifier; /* its name in the configuration, NULL for none */
};
void zone_done(struct zone *zone);
DEFINE_AUTO_DONE(struct zone, zone_done)

struct clip {
	char id[CLIP_ID_SIZE]; /* SHA-256 of the Ogg Opus file, lower-case hex */
	char *title;
	int64_t duration_ms;
	int64_t size_bytes;
	int channels;
	double loudness_lufs; /* -HUGE_VAL for silence */
	double true_peak_dbtp;
	double gain_db;     /* what it is played at, -60 to 30 */
	double output_lufs; /* how loud it is then; -HUGE_VAL: silence, or not measured */
	enum clip_limit limit;
	int64_t created_us;
	char *author;
};
void clip_done(struct clip *clip);
DEFINE_AUTO_DONE(struct clip, clip_done)

struct part {
	enum part_kind kind;
	char *text;  /* chime: its name; clip: its id; text: the words; silence: NULL;
			line:  the capture's ALSA name; stream: its address */
	char *voice; /* text: the voice, NULL for the box's own */
	int64_t silence_ms; /* silence: 1 to 600000 */
	char *fallback; /* stream: id of a clip that sounds while there is nothing, NULL:
			   none */
	int64_t length_ms; /* line, stream: 1000 to RELAY_LENGTH_MAX_MS */
};

/* What is said: parts in order, the whole `repeat` times with a gap between. */
struct content {
	struct part *parts;
	size_t n_parts;
	int repeat;     /* 1 to 100 */
	int64_t gap_ms; /* 0 to 600000 */
};
void content_done(struct content *content);
DEFINE_AUTO_DONE(struct content, content_done)
int content_copy(const struct content *from, struct content *ret);
bool content_relayed(const struct content *content); /* any part of it is */
/* Adds a part; copies the texts. 0 or -ENOMEM. */
int content_add(struct content *content, enum part_kind kind, const char *text,
		const char *voice, int64_t silence_ms);
/* The same for a line or a stream. */
int content_add_relay(struct content *content, enum part_kind kind, const char *name,
		      const char *fallback, int64_t length_ms);

struct announcement {
	int64_t id;
	char *title;
	struct content content;
	char *catalogue; /* item of the public-disclosure catalogue, NULL for none */
	enum resume resume;
	int64_t expires_us; /* TIME_NONE: never */
	int64_t created_us;
	int64_t changed_us;
	char *author;
};
void announcement_done(struct announcement *announcement);
DEFINE_AUTO_DONE(struct announcement, announcement_done)

/* Just this once: what one occurrence of a schedule does instead. */
struct override {
	int64_t id;
	int64_t schedule;
	int64_t due_us; /* which occurrence: when it is due by the rule */
	enum override_action action;
	int64_t to_us;        /* sounds then instead; TIME_NONE: at its own time */
	int64_t announcement; /* says this instead; 0: what its schedule says */
	bool passed; /* its own time came and left it to to_us; the store's, not written
		      */
	int64_t created_us;
	char *author;
};
void override_done(struct override *override);
DEFINE_AUTO_DONE(struct override, override_done)

struct schedule {
	int64_t id;
	int64_t announcement;
	struct ids zones;   /* zone ids */
	struct texts areas; /* area codes: all zones at or below */
	char *rule;         /* rule.h */
	int64_t from_us;    /* valid from, TIME_NONE: always */
	int64_t until_us;   /* valid until, not itself included, TIME_NONE: for ever */
	enum run_class class;
	int play_within_s; /* late by up to this it still plays, once; 0: "skip" */
	enum conflict conflict;
	bool enabled;
	int64_t created_us;
	int64_t changed_us;
	char *author;
	struct override *overrides; /* by due_us; the store's, not written with it */
	size_t n_overrides;
};
void schedule_done(struct schedule *schedule);
DEFINE_AUTO_DONE(struct schedule, schedule_done)

struct run_zone {
	int64_t zone;
	char *zone_name; /* as it was when the run was made */
	enum outcome outcome;
	char *reason;       /* a sentence for a clerk, NULL where played undisturbed and
			       at once */
	int64_t started_us; /* first sample at the sink, TIME_NONE */
	int64_t late_ms;    /* started - due; 0 before */
	int64_t played_ms;  /* how long it sounded, what was heard twice counted twice */
	int64_t recording;  /* of what it was sent; 0: none. The store's, not written */
};

struct run {
	int64_t id;
	char *source;           /* "schedule", "push", "test", "alert" */
	int64_t schedule;       /* 0 where pushed */
	int64_t alert;          /* one sounding of it; 0: none */
	enum severity severity; /* of the alert, as the next */
	enum alert_level level;
	int64_t announcement; /* 0 where a clip or text was pushed */
	char *title;
	struct content content; /* as it was when the run was made */
	enum resume resume;
	enum run_class class;
	int64_t due_us;
	int64_t moved_from_us; /* when it was due by its rule, and moved; 0: it was not */
	int64_t created_us;
	int64_t expires_us; /* TIME_NONE: never */
	char *author;
	enum outcome state; /* of the whole: run_state() of its zones */
	struct run_zone *zones;
	size_t n_zones;
};
void run_done(struct run *run);
DEFINE_AUTO_DONE(struct run, run_done)

/* The state of a run from its zones: playing where any plays, else paused where any is
 * paused, else planned where any is planned, else the first of failed, cut, missed,
 * cancelled, skipped, played that any zone has. Without zones nothing sounded: skipped.
 */
enum outcome run_state(const struct run_zone *zones, size_t n);

/* What one run sent to one zone, as it was kept. */
struct recording {
	int64_t id;
	int64_t run;
	int64_t zone;
	int64_t started_us; /* first sample at the sink */
	int64_t duration_ms;
	int64_t lost_ms; /* of it silence, where the disk was too slow */
	int64_t size_bytes;
	char *file; /* below the folder of recordings */
};
void recording_done(struct recording *recording);
DEFINE_AUTO_DONE(struct recording, recording_done)

/* What a calendar of that name says of a year; holidays.h reads the content. */
struct holiday_file {
	int64_t id;
	char *name;
	int year;
	char *content; /* JSON of the public form; NULL in a head */
	int n_days;    /* of a head: how many its content lists */
	int64_t changed_us;
	char *author;
};
void holiday_file_done(struct holiday_file *file);
DEFINE_AUTO_DONE(struct holiday_file, holiday_file_done)

#define ALERT_GAP_DEFAULT (-1) /* repeat_every_s: a fixed gap behind each sounding */

/* An emergency message, in force until it is cancelled, replaced or expired. */
struct alert {
	int64_t id;
	char *headline; /* said before the text; NULL: none */
	char *text;     /* one of text and clip */
	char *clip;     /* its id */
	enum severity severity;
	enum alert_level level;
	struct ids zones;    /* as asked */
	struct texts areas;  /* as asked: all zones at or below */
	struct ids resolved; /* the zones that both meant when it was asked */
	int repeat_every_s;  /* from begin to begin; 0: once; ALERT_GAP_DEFAULT */
	int64_t expires_us;  /* nothing sounds at or after it */
	bool expires_given;  /* by who asked; else so long after created_us */
	bool drill;          /* and says so */
	int64_t updates;     /* the alert it replaced; 0: none */
	enum alert_state state;
	int64_t created_us;
	int64_t ended_us;       /* TIME_NONE while active */
	char *ended_by;         /* who cancelled or replaced it; NULL */
	int64_t first_sound_ms; /* from the order to the first sample; -1: not yet */
	char *author;
	bool on_disk; /* false where the disk has refused its record so far */
};
void alert_done(struct alert *alert);
DEFINE_AUTO_DONE(struct alert, alert_done)
/* What people call it: its headline, else the first line of its text; "" for a clip
 * without. Cut between characters. */
#define ALERT_TITLE_SIZE 256
void alert_title(const struct alert *alert, char ret[ALERT_TITLE_SIZE]);

struct token {
	int64_t id;
	char *name;
	int64_t created_us;
	int64_t last_used_us; /* TIME_NONE: never; kept to the hour */
};
void token_done(struct token *token);
DEFINE_AUTO_DONE(struct token, token_done)
