/* pcm_alsa_cards.h - cards by what they keep when their number changes. Owner: none, no
 * state. Threads: any. Blocks: on /sys for a moment.
 *
 * The kernel numbers cards as they come. An id (hw:CARD=Device) stays with a model, and
 * of two alike says which came first; a USB port (usb:1-1.2, also usb:1-1.2,DEV) stays
 * with the socket. sys is CARDS_SYS, but for tests. */
#pragma once

#include "base/error.h"

#define CARDS_SYS "/sys/class/sound"
#define PCM_USB_PREFIX "usb:"
#define PCM_DEVICE_SIZE 256

/* What to open for a name now: "plughw:3,0" for "usb:1-1.2", any other as it is. -ENODEV:
 * no card is at that port. */
int cards_resolve(const char *sys, const char *name, char *ret, size_t size,
		  struct error *err);
/* "usb:1-1.2,0", or "" where the card is not on USB. */
void cards_usb_name(const char *sys, int card, int device, char *ret, size_t size);
/* As engine_pcm_stable. */
void cards_stable(const char *sys, const char *pcm, char *ret, size_t size);
/* ALSA writes no more on standard error. */
void pcm_alsa_be_quiet(void);
