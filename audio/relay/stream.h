/* stream.h - an Ogg Opus stream out of the network, at the pace of time. Owner: the
 * program dalaba-relay. Threads: one. Blocks: no longer than to the next piece. */
#pragma once

#include "relay.h"

/* Plays until nobody listens any more; what fails is told (out.h) and tried again. */
enum relay_exit stream_run(const char *url);
