/* recordings_files.h - recordings as files: their names, and how they get there and away.
 * For recordings.c alone. Owner: values of the caller. Threads: any (nothing is shared).
 * Blocks: on the disk, so a worker calls what is slow. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_FILE_SIZE 96 /* of "2026/11/20261125T083000.123456Z-zone7-1.opus" */

/* Makes DATA_DIR/recordings and its folder new. */
int recordings_files_prepare(const char *data_dir, struct error *err);
/* The file of a recording that begins now; number makes it unlike others. */
void recordings_files_name(int64_t now_us, int64_t zone, int64_t number,
			   char ret[RECORDING_FILE_SIZE]);
/* Whether it is one of our names; *ret is its file then. */
bool recordings_files_ours(const char *name, char ret[RECORDING_FILE_SIZE]);
/* DATA_DIR/recordings/FILE, and where it is made. */
void recordings_files_path(const char *data_dir, const char *file, char *ret,
			   size_t size);
void recordings_files_new_path(const char *data_dir, const char *file, char *ret,
			       size_t size);
/* From new to its place; -ENOENT where somebody has removed it. */
int recordings_files_install(const char *data_dir, const char *file, struct error *err);
/* Wherever it is; 0 also where there was none. */
int recordings_files_remove(const char *data_dir, const char *file, struct error *err);
