/* library_files.h - the clips as files: where they lie, how one gets there whole or not
 * at all. For library.c alone. Owner: values of the caller. Threads: any (nothing is
 * shared). Blocks: on the disk, so a worker calls what is slow. */
#pragma once

#include "base/error.h"
#include "schedule/types.h"

#include <stdint.h>

/* Makes DATA_DIR/clips and DATA_DIR/spool, and removes what a crash left in spool. */
int library_files_prepare(const char *data_dir, struct error *err);
/* DATA_DIR/clips/ab/abcdef....opus */
void library_files_path(const char *data_dir, const char *clip_id, char *ret,
			size_t size);
/* An unnamed file in DATA_DIR/spool. Returns the fd, or a negative errno. */
int library_files_spool(const char *data_dir, struct error *err);
/* SHA-256 of all of fd as lower-case hex, and its size. Slow. */
int library_files_hash(int fd, char ret[CLIP_ID_SIZE], int64_t *ret_bytes,
		       struct error *err);
/* Puts the content of fd under its clip's name, on the disk for good: the file is there
 * whole or it is not there. One that was there is replaced (it has the same bytes, or is
 * damaged). Slow. */
int library_files_install(const char *data_dir, int fd, const char *clip_id,
			  struct error *err);
/* 0 also where there was none. */
int library_files_remove(const char *data_dir, const char *clip_id, struct error *err);
