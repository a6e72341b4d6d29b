/* line.h - sound that comes in at an ALSA capture. Owner: the program dalaba-relay.
 * Threads: one. Blocks: on the device. */
#pragma once

/* Captures until nobody listens any more; what fails is told (out.h) and tried again. */
void line_run(const char *name);
