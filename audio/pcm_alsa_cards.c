/* pcm_alsa_cards.c - see pcm_alsa_cards.h, and engine_cards of engine.h. Which USB port a
 * card hangs on stands in its path below /sys/devices: .../usb1/1-1/1-1.2/1-1.2:1.0/...
 * is port 2 of the hub at port 1 of bus 1. */
#include "pcm_alsa_cards.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "engine.h"

#include <alsa/asoundlib.h>
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>

#define PORT_SIZE 40

/* ALSA's own words on standard error are lost on a daemon; the sentence has the reason.
 */
__attribute__((format(printf, 5, 6))) static void drop_words(const char *file, int line,
							     const char *function,
							     int code, const char *format,
							     ...) {
	(void)file;
	(void)line;
	(void)function;
	(void)code;
	(void)format;
}

void pcm_alsa_be_quiet(void) {
	(void)snd_lib_error_set_handler(drop_words);
}

/* "1-1.2" */
static bool is_port(const char *word, size_t len) {
	size_t bus = strspn(word, "0123456789");
	size_t ports =
		bus < len && word[bus] == '-' ? strspn(word + bus + 1, "0123456789.") : 0;
	return bus > 0 && ports > 0 && bus + 1 + ports == len;
}

/* The USB port of a card; false where it hangs on none. */
static bool port_of(const char *sys, int card, char ret[PORT_SIZE]) {
	char path[PATH_MAX];
	str_format(path, sizeof(path), "%s/card%d/device", sys, card);
	AUTO(free) char *device = realpath(path, NULL);
	bool on_usb = false;
	bool found = false;
	for (const char *word = device; word != NULL && *word != '\0';) {
		word += strspn(word, "/");
		size_t len = strcspn(word, "/");
		on_usb = on_usb || (strncmp(word, "usb", 3) == 0 && len > 3 &&
				    strspn(word + 3, "0123456789") == len - 3);
		if (on_usb && len < PORT_SIZE && is_port(word, len)) {
			snprintf(ret, PORT_SIZE, "%.*s", (int)len, word);
			found = true;
		}
		word += len;
	}
	return found;
}

void cards_usb_name(const char *sys, int card, int device, char *ret, size_t size) {
	char port[PORT_SIZE];
	ret[0] = '\0';
	if (port_of(sys, card, port)) {
		str_format(ret, size, PCM_USB_PREFIX "%s,%d", port, device);
	}
}

/* The lowest number: a device of two cards is told apart by nothing better. */
static int card_at(const char *sys, const char *port) {
	DIR *folder = opendir(sys);
	int least = -1;
	for (struct dirent *entry = NULL;
	     folder != NULL && (entry = readdir(folder)) != NULL;) {
		int64_t card = 0;
		char its[PORT_SIZE];
		if (strncmp(entry->d_name, "card", 4) == 0 &&
		    parse_int64(entry->d_name + 4, 0, INT_MAX, &card) == 0 &&
		    port_of(sys, (int)card, its) && strcmp(its, port) == 0 &&
		    (least < 0 || card < least)) {
			least = (int)card;
		}
	}
	if (folder != NULL) {
		closedir(folder);
	}
	return least;
}

int cards_resolve(const char *sys, const char *name, char *ret, size_t size,
		  struct error *err) {
	size_t prefix = strlen(PCM_USB_PREFIX);
	if (strncmp(name, PCM_USB_PREFIX, prefix) != 0) {
		str_copy(ret, size, name);
		return 0;
	}
	char port[PORT_SIZE];
	const char *comma = strchr(name, ',');
	size_t len =
		comma != NULL ? (size_t)(comma - name) - prefix : strlen(name) - prefix;
	snprintf(port, sizeof(port), "%.*s", (int)len, name + prefix);
	int card = card_at(sys, port);
	if (card < 0) {
		return error_set(
			err, ENODEV,
			"cannot open '%s': No such device at USB port %s; plug the "
			"card in there, GET /outputs/cards shows what is where",
			name, port);
	}
	str_format(ret, size, "plughw:%d,%s", card, comma != NULL ? comma + 1 : "0");
	return 0;
}

/* ---- by number ---- */

static bool id_of(const char *sys, int64_t card, char *ret, size_t size) {
	char path[PATH_MAX];
	str_format(path, sizeof(path), "%s/card%lld/id", sys, (long long)card);
	AUTO(file_close) FILE *file = fopen(path, "re");
	if (file == NULL || fgets(ret, (int)size, file) == NULL) {
		return false;
	}
	ret[strcspn(ret, "\n")] = '\0';
	return ret[0] != '\0';
}

void cards_stable(const char *sys, const char *pcm, char *ret, size_t size) {
	static const char *const names[] = {"CARD=", "DEV=", "SUBDEV="};
	char id[64];
	char words[3][64] = {"", "", ""};
	size_t type = strcspn(pcm, ":");
	const char *at = pcm + type + (pcm[type] == ':');
	int n = 0;
	str_copy(ret, size, pcm);
	if (strncmp(pcm, "hw:", 3) != 0 && strncmp(pcm, "plughw:", 7) != 0) {
		return;
	}
	for (; *at != '\0' && n < 3; n++) {
		size_t len = strcspn(at, ",");
		const char *own = strchr(at, '=') != NULL && strchr(at, '=') < at + len
					  ? ""
					  : names[n];
		snprintf(words[n], sizeof(words[n]), "%s%.*s", own, (int)len, at);
		at += len + (at[len] == ',');
	}
	int64_t card = 0;
	if (*at != '\0' || strncmp(words[0], names[0], 5) != 0 ||
	    parse_int64(words[0] + 5, 0, INT_MAX, &card) < 0 ||
	    !id_of(sys, card, id, sizeof(id))) {
		return;
	}
	str_format(ret, size, "%.*s:CARD=%s%s%s%s%s", (int)type, pcm, id,
		   n > 1 ? "," : "", words[1], n > 2 ? "," : "", words[2]);
}

void engine_pcm_stable(const char *pcm, char *ret, size_t size) {
	cards_stable(CARDS_SYS, pcm, ret, size);
}

/* ---- the list ---- */

struct card_list {
	struct engine_card *cards;
	size_t n;
};

/* Drivers cut names after so many bytes, in the middle of a character if need be. */
static void mend_utf8(char *text) {
	for (char *at = text; *at != '\0';) {
		size_t left = strnlen(at, 4);
		size_t n = 1;
		while (n <= left && !utf8_valid(at, n)) {
			n++;
		}
		if (n > left) {
			*at = '?';
			n = 1;
		}
		at += n;
	}
}

static int add_card(struct card_list *list, int number, const char *id, int device,
		    const char *card, const char *pcm) {
	struct engine_card *grown =
		realloc(list->cards, (list->n + 1) * sizeof(*list->cards));
	if (grown == NULL) {
		return -ENOMEM;
	}
	list->cards = grown;
	struct engine_card *c = &list->cards[list->n++];
	snprintf(c->pcm, sizeof(c->pcm), "hw:CARD=%s,DEV=%d", id, device);
	if (pcm[0] != '\0' && strcmp(pcm, card) != 0) {
		snprintf(c->name, sizeof(c->name), "%s, %s", card, pcm);
	} else {
		str_copy(c->name, sizeof(c->name), card);
	}
	mend_utf8(c->name);
	cards_usb_name(CARDS_SYS, number, device, c->usb, sizeof(c->usb));
	return 0;
}

static int add_devices(struct card_list *list, int number, snd_ctl_t *ctl) {
	snd_ctl_card_info_t *card = NULL;
	snd_pcm_info_t *info = NULL;
	snd_ctl_card_info_alloca(&card);
	snd_pcm_info_alloca(&info);
	int rc = snd_ctl_card_info(ctl, card);
	int device = -1;
	while (rc >= 0 && snd_ctl_pcm_next_device(ctl, &device) >= 0 && device >= 0) {
		snd_pcm_info_set_device(info, (unsigned int)device);
		snd_pcm_info_set_subdevice(info, 0);
		snd_pcm_info_set_stream(info, SND_PCM_STREAM_PLAYBACK);
		if (snd_ctl_pcm_info(ctl, info) < 0) {
			continue; /* it only records */
		}
		rc = add_card(list, number, snd_ctl_card_info_get_id(card), device,
			      snd_ctl_card_info_get_name(card),
			      snd_pcm_info_get_name(info));
	}
	return rc < 0 ? rc : 0;
}

int engine_cards(struct engine_card **ret, size_t *n, struct error *err) {
	pcm_alsa_be_quiet();
	struct card_list list = {NULL, 0};
	int card = -1;
	int rc = 0;
	while (rc == 0 && snd_card_next(&card) >= 0 && card >= 0) {
		char name[32];
		snd_ctl_t *ctl = NULL;
		snprintf(name, sizeof(name), "hw:%d", card);
		/* A card that is unplugged this moment is no card. */
		if (snd_ctl_open(&ctl, name, 0) < 0) {
			continue;
		}
		rc = add_devices(&list, card, ctl);
		snd_ctl_close(ctl);
		rc = rc == -ENODEV ? 0 : rc;
	}
	if (rc < 0) {
		free(list.cards);
		return error_set(err, -rc, "cannot list the sound cards: %s",
				 snd_strerror(rc));
	}
	*ret = list.cards;
	*n = list.n;
	return 0;
}
