/* disk.h - watches how much room the data folder has left, and makes a fault of too
 * little before writes are refused. Owner: main. Threads: the core thread alone. Never
 * blocks on a local disk. */
#pragma once

#include "faults.h"
#include "loop.h"

#include <stdbool.h>

#define DISK_FAULT "disk space"

struct disk;

/* Looks at once and every ten seconds. `folder` must outlive it. */
int disk_new(struct loop *loop, const char *folder, struct faults *faults,
	     struct disk **ret, struct error *err);
void disk_free(struct disk *disk); /* NULL is fine */
DEFINE_AUTO(struct disk *, disk_free)

/* As it was at the last look. */
bool disk_is_short(const struct disk *disk);

/* Too little: less than a twentieth of the whole, or than 256 MiB where that is smaller.
 * What is short must grow by half again before it is enough. Bytes. Pure. */
bool disk_short(int64_t free_bytes, int64_t whole_bytes, bool was_short);
