/* store_steps.h - a short life of a box as a row of changes, for tests that stop it
 * anywhere: each step is one transaction and writes the same whenever it is made. */
#pragma once

#include "schedule/store.h"

#include "base/str.h"

#define STORE_STEPS 32

/* Makes step i (0 to STORE_STEPS - 1) behind all those before it. 0 or what the store
 * answered. A step that was refused may be made again. */
int store_step(struct store *s, int i, struct error *err);

/* Every row of every table, as text. Fails the test where the database is not whole: the
 * integrity check, and foreign keys. */
void store_dump(struct store *s, struct str *ret);

/* The dumps after 0 to STORE_STEPS steps on an undisturbed box at path (which must not be
 * there), each to be freed. */
void store_dump_all(const char *path, char *dumps[STORE_STEPS + 1]);

/* Reads all that can be read. 0 or the first fault; never more than a fault. */
int store_read_all(struct store *s, struct error *err);
