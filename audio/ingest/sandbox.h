/* sandbox.h - a process gives up its rights for good. Owner: the ingest program, and the
 * test that tries to get out. Threads: call while there is only one.
 *
 * Each layer holds by itself: limits (memory, CPU time, file size, no new files, no new
 * processes, no core), namespaces (no network, nobody to signal), Landlock (no file, no
 * TCP, no abstract socket), no capabilities, and a list of the few system calls that
 * remain. A kernel without Landlock or a box that forbids namespaces loses that layer
 * only; limits and the list of calls are a must. */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct sandbox {
	uint64_t memory_bytes; /* of address space */
	uint64_t file_bytes;   /* the largest file written */
	uint64_t cpu_s;
	int fds[2]; /* the only ones written to afterwards */
};

/* Everything below, in order. */
int sandbox_enter(const struct sandbox *box, struct error *err);

int sandbox_limit(const struct sandbox *box, struct error *err);
/* 1 where the kernel gave it, 0 where it cannot; never anything else. */
int sandbox_namespaces(void);
int sandbox_landlock(void); /* needs no_new_privs, which sandbox_limit sets */
int sandbox_capabilities(struct error *err);
/* Opening a file is refused with EACCES; any other call not on the list, or with other
 * arguments, ends the process by SIGSYS. */
int sandbox_syscalls(const struct sandbox *box, struct error *err);
