/* store_migrations.c - the form of the database, from nothing to now; see
 * store_internal.h.
 *
 * Ids are never used twice (AUTOINCREMENT): a run remembers its schedule, announcement
 * and zones by number after they are gone. Times are UTC microseconds; NULL is none. What
 * may not vanish while it is used is a foreign key; what must survive (runs) is a
 * copy. What a value may be is checked before it is written, in words; the CHECKs here
 * find what a damaged disk made of it. */
#include "store_internal.h"

static const char version_1[] =
	/* prefix: the code without trailing zero groups; one area lies within another
	 * where the other's prefix begins its own. */
	"CREATE TABLE area ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	code TEXT NOT NULL,"
	"	prefix TEXT NOT NULL UNIQUE,"
	"	name TEXT NOT NULL,"
	"	parent INTEGER REFERENCES area (id)"
	") STRICT;"
	"CREATE INDEX area_parent ON area (parent);"

	"CREATE TABLE output ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL UNIQUE,"
	"	pcm TEXT NOT NULL,"
	"	rate INTEGER NOT NULL CHECK (rate = 0 OR rate BETWEEN 8000 AND 192000),"
	"	channels INTEGER NOT NULL CHECK (channels BETWEEN 1 AND 32)"
	") STRICT;"
	"CREATE INDEX output_pcm ON output (pcm);"

	"CREATE TABLE zone ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL UNIQUE,"
	"	output INTEGER NOT NULL REFERENCES output (id),"
	"	area INTEGER REFERENCES area (id),"
	"	gain_db REAL NOT NULL CHECK (gain_db BETWEEN -60 AND max_gain_db),"
	"	max_gain_db REAL NOT NULL CHECK (max_gain_db BETWEEN -60 AND 20),"
	"	lead_ms INTEGER NOT NULL CHECK (lead_ms BETWEEN 0 AND 10000),"
	"	UNIQUE (id, output)"
	") STRICT;"
	"CREATE INDEX zone_output ON zone (output);"
	"CREATE INDEX zone_area ON zone (area);"

	/* The key lets one zone alone have a channel. */
	"CREATE TABLE zone_channel ("
	"	output INTEGER NOT NULL,"
	"	channel INTEGER NOT NULL CHECK (channel BETWEEN 0 AND 31),"
	"	zone INTEGER NOT NULL,"
	"	place INTEGER NOT NULL,"
	"	PRIMARY KEY (output, channel),"
	"	UNIQUE (zone, place),"
	"	FOREIGN KEY (zone, output) REFERENCES zone (id, output) ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE zone_quiet ("
	"	zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	from_min INTEGER NOT NULL CHECK (from_min BETWEEN 0 AND 1439),"
	"	to_min INTEGER NOT NULL CHECK (to_min BETWEEN 0 AND 1440),"
	"	PRIMARY KEY (zone, place)"
	") STRICT, WITHOUT ROWID;"

	/* loudness_lufs and true_peak_dbtp: NULL for digital silence. */
	"CREATE TABLE clip ("
	"	id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 64),"
	"	title TEXT,"
	"	duration_ms INTEGER NOT NULL,"
	"	size_bytes INTEGER NOT NULL,"
	"	channels INTEGER NOT NULL,"
	"	loudness_lufs REAL,"
	"	true_peak_dbtp REAL,"
	"	created_us INTEGER NOT NULL,"
	"	author TEXT"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX clip_created ON clip (created_us, id);"

	"CREATE TABLE source ("
	"	sha256 TEXT PRIMARY KEY NOT NULL CHECK (length(sha256) = 64),"
	"	clip TEXT NOT NULL REFERENCES clip (id) ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX source_clip ON source (clip);"

	"CREATE TABLE announcement ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	title TEXT NOT NULL,"
	"	repeat INTEGER NOT NULL CHECK (repeat BETWEEN 1 AND 100),"
	"	gap_ms INTEGER NOT NULL CHECK (gap_ms BETWEEN 0 AND 600000),"
	"	catalogue TEXT,"
	"	resume TEXT NOT NULL,"
	"	expires_us INTEGER,"
	"	created_us INTEGER NOT NULL,"
	"	changed_us INTEGER NOT NULL,"
	"	author TEXT"
	") STRICT;"

	"CREATE TABLE announcement_part ("
	"	announcement INTEGER NOT NULL REFERENCES announcement (id)"
	"		ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	kind TEXT NOT NULL,"
	"	text TEXT,"
	"	clip TEXT REFERENCES clip (id),"
	"	voice TEXT,"
	"	silence_ms INTEGER NOT NULL CHECK (silence_ms BETWEEN 0 AND 600000),"
	"	PRIMARY KEY (announcement, place)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX announcement_part_clip ON announcement_part (clip)"
	"	WHERE clip IS NOT NULL;"

	"CREATE TABLE schedule ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	announcement INTEGER NOT NULL REFERENCES announcement (id),"
	"	rule TEXT NOT NULL,"
	"	from_us INTEGER,"
	"	until_us INTEGER,"
	"	class TEXT NOT NULL,"
	"	play_within_s INTEGER NOT NULL CHECK (play_within_s >= 0),"
	"	conflict TEXT NOT NULL,"
	"	enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
	"	created_us INTEGER NOT NULL,"
	"	changed_us INTEGER NOT NULL,"
	"	author TEXT"
	") STRICT;"
	"CREATE INDEX schedule_announcement ON schedule (announcement);"

	"CREATE TABLE schedule_zone ("
	"	schedule INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	zone INTEGER NOT NULL REFERENCES zone (id),"
	"	PRIMARY KEY (schedule, place)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX schedule_zone_zone ON schedule_zone (zone);"

	/* code: as it was written; prefix: as area's. */
	"CREATE TABLE schedule_area ("
	"	schedule INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	code TEXT NOT NULL,"
	"	prefix TEXT NOT NULL,"
	"	PRIMARY KEY (schedule, place)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX schedule_area_prefix ON schedule_area (prefix);"

	/* state: run_state() of the zones, kept so that it can be searched. No foreign
	 * keys: a run outlives everything it names. */
	"CREATE TABLE run ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	source TEXT NOT NULL,"
	"	schedule INTEGER,"
	"	announcement INTEGER,"
	"	title TEXT,"
	"	repeat INTEGER NOT NULL CHECK (repeat BETWEEN 1 AND 100),"
	"	gap_ms INTEGER NOT NULL CHECK (gap_ms BETWEEN 0 AND 600000),"
	"	resume TEXT NOT NULL,"
	"	class TEXT NOT NULL,"
	"	due_us INTEGER NOT NULL,"
	"	created_us INTEGER NOT NULL,"
	"	expires_us INTEGER,"
	"	author TEXT,"
	"	state TEXT NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX run_claim ON run (schedule, due_us)"
	"	WHERE schedule IS NOT NULL;"
	"CREATE INDEX run_state ON run (state, id);"
	"CREATE INDEX run_due ON run (due_us);"

	"CREATE TABLE run_part ("
	"	run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	kind TEXT NOT NULL,"
	"	text TEXT,"
	"	clip TEXT,"
	"	voice TEXT,"
	"	silence_ms INTEGER NOT NULL CHECK (silence_ms BETWEEN 0 AND 600000),"
	"	PRIMARY KEY (run, place)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE run_zone ("
	"	run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
	"	zone INTEGER NOT NULL,"
	"	zone_name TEXT NOT NULL,"
	"	outcome TEXT NOT NULL,"
	"	reason TEXT,"
	"	started_us INTEGER,"
	"	late_ms INTEGER NOT NULL,"
	"	played_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (run, zone)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX run_zone_zone ON run_zone (zone, run);"

	"CREATE TABLE token ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL UNIQUE,"
	"	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
	"	created_us INTEGER NOT NULL,"
	"	last_used_us INTEGER"
	") STRICT;"

	"CREATE TABLE answer ("
	"	who TEXT NOT NULL,"
	"	key TEXT NOT NULL,"
	"	request_sha256 TEXT NOT NULL,"
	"	status INTEGER NOT NULL,"
	"	location TEXT,"
	"	body TEXT NOT NULL,"
	"	created_us INTEGER NOT NULL,"
	"	PRIMARY KEY (who, key)"
	") STRICT;"
	"CREATE INDEX answer_created ON answer (created_us);"

	/* mark: up to where every due run was dealt with; newest: the newest time ever
	 * written. */
	"CREATE TABLE fact ("
	"	name TEXT PRIMARY KEY NOT NULL,"
	"	value INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;";

/* Alerts. No foreign key to clip and zone: an alert is a record once it has ended, and
 * outlives both; what an active one needs is held by the checks of their deletion. */
static const char version_2[] =
	"CREATE TABLE alert ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	headline TEXT,"
	"	text TEXT,"
	"	clip TEXT,"
	"	severity TEXT NOT NULL,"
	"	level TEXT NOT NULL,"
	"	repeat_every_s INTEGER NOT NULL CHECK (repeat_every_s >= -1),"
	"	expires_us INTEGER NOT NULL,"
	"	expires_given INTEGER NOT NULL CHECK (expires_given IN (0, 1)),"
	"	drill INTEGER NOT NULL CHECK (drill IN (0, 1)),"
	"	updates INTEGER,"
	"	state TEXT NOT NULL,"
	"	created_us INTEGER NOT NULL,"
	"	ended_us INTEGER,"
	"	ended_by TEXT,"
	"	first_sound_ms INTEGER NOT NULL,"
	"	author TEXT,"
	"	CHECK ((text IS NULL) <> (clip IS NULL))"
	") STRICT;"
	"CREATE INDEX alert_state ON alert (state, id);"
	"CREATE INDEX alert_clip ON alert (clip) WHERE clip IS NOT NULL;"

	/* named: by its id, and not only as a part of an area. */
	"CREATE TABLE alert_zone ("
	"	alert INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,"
	"	zone INTEGER NOT NULL,"
	"	named INTEGER NOT NULL CHECK (named IN (0, 1)),"
	"	PRIMARY KEY (alert, zone)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX alert_zone_zone ON alert_zone (zone, alert);"

	"CREATE TABLE alert_area ("
	"	alert INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,"
	"	place INTEGER NOT NULL,"
	"	code TEXT NOT NULL,"
	"	PRIMARY KEY (alert, place)"
	") STRICT, WITHOUT ROWID;"

	/* A sounding of an alert is a run. */
	"ALTER TABLE run ADD COLUMN alert INTEGER;"
	"ALTER TABLE run ADD COLUMN severity TEXT;"
	"ALTER TABLE run ADD COLUMN level TEXT;"
	"CREATE INDEX run_alert ON run (alert, id) WHERE alert IS NOT NULL;";

/* By what its zone is switched on; the name of a section of the configuration, which may
 * lose it. */
static const char version_3[] = "ALTER TABLE zone ADD COLUMN amplifier TEXT;";

/* What zones were sent. No foreign key: a recording goes when it is old, its run stays; a
 * run goes when it is older still, and not before its recordings. file: below the folder
 * of recordings. */
static const char version_4[] =
	"CREATE TABLE recording ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	run INTEGER NOT NULL,"
	"	zone INTEGER NOT NULL,"
	"	started_us INTEGER NOT NULL,"
	"	duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),"
	"	lost_ms INTEGER NOT NULL CHECK (lost_ms >= 0),"
	"	size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),"
	"	file TEXT NOT NULL UNIQUE,"
	"	UNIQUE (run, zone)"
	") STRICT;"
	"CREATE INDEX recording_zone ON recording (zone, id);"
	"CREATE INDEX recording_started ON recording (started_us, id);";

/* One after the other, so that the echoes of neighbouring horns do not meet. */
static const char version_5[] = "ALTER TABLE zone ADD COLUMN pass INTEGER NOT NULL"
				" DEFAULT 0 CHECK (pass BETWEEN 0 AND 9);";

/* What comes in at a line, or from an address: its name in `text`, its fallback in
 * `clip`. */
static const char version_6[] =
	"ALTER TABLE announcement_part ADD COLUMN length_ms INTEGER NOT NULL DEFAULT 0"
	" CHECK (length_ms BETWEEN 0 AND 86400000);"
	"ALTER TABLE run_part ADD COLUMN length_ms INTEGER NOT NULL DEFAULT 0"
	" CHECK (length_ms BETWEEN 0 AND 86400000);";

/* Holiday files, one for a name and a year; posted again it is a new row. */
static const char version_7[] =
	"CREATE TABLE holiday_file ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL,"
	"	year INTEGER NOT NULL CHECK (year BETWEEN 1970 AND 2200),"
	"	content TEXT NOT NULL,"
	"	changed_us INTEGER NOT NULL,"
	"	author TEXT,"
	"	UNIQUE (name, year)"
	") STRICT;";

/* Just this once. passed: its own time came and left it to to_us. A run that was moved
 * sounds at due_us, and is claimed by the time that its rule gave it. */
static const char version_8[] =
	"CREATE TABLE schedule_override ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	schedule INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,"
	"	due_us INTEGER NOT NULL,"
	"	action TEXT NOT NULL,"
	"	to_us INTEGER,"
	"	announcement INTEGER REFERENCES announcement (id) ON DELETE SET NULL,"
	"	passed INTEGER NOT NULL CHECK (passed IN (0, 1)),"
	"	created_us INTEGER NOT NULL,"
	"	author TEXT,"
	"	UNIQUE (schedule, due_us)"
	") STRICT;"
	"CREATE INDEX schedule_override_announcement"
	"	ON schedule_override (announcement) WHERE announcement IS NOT NULL;"

	"ALTER TABLE run ADD COLUMN moved_from_us INTEGER;"
	"DROP INDEX run_claim;"
	"CREATE UNIQUE INDEX run_claim"
	"	ON run (schedule, coalesce(moved_from_us, due_us))"
	"	WHERE schedule IS NOT NULL;";

/* What a clip is played at, behind its own limiter. One from before keeps the gain it had
 * until it has been measured so. output_lufs: NULL as in version 1. */
static const char version_9[] =
	"ALTER TABLE clip ADD COLUMN gain_db REAL NOT NULL DEFAULT 0"
	" CHECK (gain_db BETWEEN -60 AND 30);"
	"ALTER TABLE clip ADD COLUMN output_lufs REAL;"
	"ALTER TABLE clip ADD COLUMN level_limit TEXT NOT NULL DEFAULT 'unmeasured';"
	"UPDATE clip SET gain_db = max(-60.0, min(-16.0 - loudness_lufs, 20.0))"
	" WHERE loudness_lufs IS NOT NULL;"
	"CREATE INDEX clip_unmeasured ON clip (id) WHERE level_limit = 'unmeasured';";

const char *const *store_migrations(void) {
	static const char *const all[] = {
		version_1, version_2, version_3, version_4, version_5,
		version_6, version_7, version_8, version_9, NULL,
	};
	return all;
}
