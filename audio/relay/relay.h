/* relay.h - the program dalaba-relay, as whoever starts it sees it: it brings sound from
 * outside the box, as it comes.
 *
 * Arguments: "line" and the ALSA name of what is captured, or "stream" and the address of
 * an Ogg Opus stream. fd 1: the sound, mono at RELAY_RATE, 16 bit as the machine has
 * them, a piece at a time and at the pace of time; nothing while there is none. fd 3:
 * what there is to tell, a line each; a fault again every few seconds, as a sign of life.
 * It tries again by itself, for ever, and ends when nobody has the other end of fd 1 any
 * more. Other descriptors are not used. */
#pragma once

#define RELAY_RATE 48000
#define RELAY_TOLD_FD 3
#define RELAY_PIECE 960      /* frames written at once, at the most: one write is whole */
#define RELAY_TOLD_MAX 240   /* bytes of a line, its end included */
#define RELAY_OK "ok "       /* begins a line: there is sound; what kind of */
#define RELAY_FAULT "fault " /* begins a line: there is none; why */

enum relay_exit {
	RELAY_EXIT_DONE = 0, /* nobody listens any more */
	RELAY_EXIT_USE = 2,  /* wrong arguments */
	RELAY_EXIT_AGAIN =
		3, /* tried for long in vain: to be started anew, as what it was
		      allowed to read at its start may have been replaced */
};
