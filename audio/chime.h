/* chime.h - attention chimes, synthesised: bells, never a siren (a tone that glides up
 * and down is for civil defence alone). Pure: same name, same samples. Threads: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHIME_RATE 48000
#define CHIME_DEFAULT "three-tone"

/* Names in order, NULL behind the last: "three-tone" (three falling bell notes),
 * "two-tone", "single". */
const char *const *chime_names(void);
bool chime_known(const char *name);
int64_t chime_frames(const char *name); /* length; 0 where unknown */
/* Writes up to n mono frames from frame `from` on, as loud as a clip (-16 LUFS), peak at
 * most -2 dBFS; returns how many, 0 behind the end. */
size_t chime_render(const char *name, int64_t from, float *frames, size_t n);
