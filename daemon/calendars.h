/* calendars.h - the one calendar the box goes by: the holidays that come with the
 * program, and the files people gave it. Owner: none, no state. Threads: the core thread
 * alone. Blocks: on reading the store. */
#pragma once

#include "schedule/calendar.h"
#include "schedule/store.h"

/* Fills `into` anew. Files go by year, the shipped one of a year first; one that was
 * given under the shipped name takes its place. A file that cannot be read is logged and
 * left out. On failure `into` stays as it was. */
int calendars_load(struct store *store, struct calendar *into, struct error *err);
