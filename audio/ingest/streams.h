/* streams.h - what the bytes of a file say about the streams in it, where the decoders
 * say nothing: libsndfile ends with the first stream, and gives up behind damage. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether several frames of MPEG audio (ISO 11172-3, 13818-3; not of free format) stand
 * in a row somewhere in data: more than chance or a tag would have. */
bool streams_mpeg_within(const unsigned char *data, size_t size);

/* Whether an Ogg file (RFC 3533) has a stream that begins behind another's data. */
bool streams_ogg_chained(const unsigned char *data, size_t size);
