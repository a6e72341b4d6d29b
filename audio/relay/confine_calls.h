/* confine_calls.h - the system calls that dalaba-relay leaves itself; part of confine.c.
 * Owner: the program. Threads: one, before any other is begun. */
#pragma once

#include "base/error.h"

/* For good; any other call fails with EPERM. Both need no_new_privs. */
int confine_calls_line(struct error *err);
int confine_calls_stream(struct error *err);
