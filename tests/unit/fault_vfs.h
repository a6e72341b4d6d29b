/* fault_vfs.h - a disk in memory for SQLite, which fails where a test says, and loses
 * what was not synced when its power is cut. Threads: one. Never blocks.
 *
 * It promises what Linux does: a write may be torn anywhere, but bytes beside it stay
 * (powersafe overwrite); unsynced writes arrive in any order or not at all; a file's name
 * is there for good once a journal or log in its folder was synced. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum disk_fault {
	DISK_FULL,      /* a write answers ENOSPC and writes half */
	DISK_BAD_WRITE, /* a write answers EIO and writes half */
	DISK_BAD_SYNC,  /* a sync answers EIO; what it was for may be lost */
	DISK_BAD_READ,  /* a read answers EIO */
	DISK_BAD_OTHER, /* opening, cutting to length, removing, asking for a length */
	DISK_POWER_CUT, /* from the operation on nothing arrives any more */
};

enum disk_survival {
	DISK_LOSES_ALL,  /* nothing that was not synced is there */
	DISK_KEEPS_ALL,  /* everything is, but the last write is torn */
	DISK_KEEPS_SOME, /* some writes are lost, or some 512 bytes of them */
};

/* Becomes SQLite's disk, empty. */
void disk_install(void);
void disk_remove(void);
void disk_clear(void); /* removes every file */

/* What its memory comes from, where it is not realloc(3): one that does not fail. */
void disk_memory(void *(*resize)(void *old, size_t size));

/* The nth (from 1) operation the fault can strike from now on fails; with `lasting` all
 * behind it as well. */
void disk_fail(enum disk_fault fault, long n, bool lasting);
void disk_heal(void);
bool disk_struck(void); /* since disk_fail */

/* After a power cut: what is left is what is there. seed: for DISK_KEEPS_SOME. */
void disk_restart(enum disk_survival survival, unsigned seed);

/* Keeps the disk as it is, until disk_load brings it back, as often as wanted. No
 * file may be open. */
void disk_save(void);
void disk_load(void);

/* The bytes a file has now; -1 where it is not there. */
long long disk_size(const char *name);
