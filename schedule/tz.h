/* tz.h - one IANA time zone: UTC to local time and back (RFC 8536, POSIX TZ for the years
 * after the table). Owner: whoever loaded it. Threads: constant after loading, any.
 * Blocks: on reading the file, in tz_load. */
#pragma once

#include "base/error.h"
#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tz;

/* A day and time of a wall clock, proleptic Gregorian. */
struct civil {
	int year;   /* 1 to 9999 */
	int month;  /* 1 to 12 */
	int day;    /* 1 to 31 */
	int hour;   /* 0 to 23 */
	int minute; /* 0 to 59 */
	int second; /* 0 to 59 */
};

/* By name below /usr/share/zoneinfo ("Asia/Shanghai", "UTC"). -ENOENT names what to write
 * instead; names that climb out ("../") are refused. */
int tz_load(const char *name, struct tz **ret, struct error *err);
/* The bytes of a TZif file, version 2 or later. -EINVAL where they are not. */
int tz_parse(const void *bytes, size_t len, const char *name, struct tz **ret,
	     struct error *err);
void tz_free(struct tz *tz); /* NULL is fine */
DEFINE_AUTO(struct tz *, tz_free)
const char *tz_name(const struct tz *tz);

/* Seconds east of Greenwich at a UTC second. */
int tz_offset_s(const struct tz *tz, int64_t utc_s);
void tz_to_civil(const struct tz *tz, int64_t utc_s, struct civil *ret);
/* In a gap: the first instant after it. In a repeated hour: the first. Never decreases as
 * the civil time grows. */
int64_t tz_from_civil(const struct tz *tz, const struct civil *civil);

/* Days since 1970-01-01 of a civil date, and back (H. Hinnant, chrono-compatible date
 * algorithms). */
int64_t civil_to_days(int year, int month, int day);
void civil_from_days(int64_t days, int *year, int *month, int *day);
int civil_weekday(int64_t days); /* 0 Sunday to 6 Saturday */
int civil_month_days(int year, int month);

/* As one reads it off the wall: "2026-12-01 07:30", with seconds where there are any. */
#define WALL_SIZE 24
void wall_format(const struct tz *tz, int64_t utc_us, char ret[WALL_SIZE]);

#define RFC3339_SIZE 40
/* RFC 3339 with the zone's offset at that time; fractions only where not zero, to the
 * millisecond. */
void rfc3339_format(const struct tz *tz, int64_t utc_us, char ret[RFC3339_SIZE]);
/* An offset or Z is required; years 1900 to 9999. -EINVAL, with a sentence, where it is
 * not RFC 3339. */
int rfc3339_parse(const char *text, int64_t *ret_us, struct error *err);
