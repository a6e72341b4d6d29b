/* confine.h - what dalaba-relay gives up before it looks at anything from outside. Owner:
 * the program. Threads: one, before any other is begun. */
#pragma once

#include "base/error.h"

/* A line: the sound devices, and reading; no socket. A stream: the network, and what
 * names and certificates are read from; no device. Both: no program, no file written, no
 * Unix socket to call, no other process, and only the system calls that their work takes.
 * What the kernel does not know (Landlock before 5.13) is left out. */
int confine_line(struct error *err);
int confine_stream(struct error *err);
