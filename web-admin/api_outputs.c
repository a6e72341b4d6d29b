/* api_outputs.c - outputs, {name, pcm, rate, channels}, and the cards ALSA has. */
#include "fields.h"
#include "list.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_CHARS 60 /* it stands in the sources of faults */
#define PCM_MAX_CHARS 200
#define RATE_MIN 8000
#define RATE_MAX 192000

struct fault_list {
	struct admin_fault *items;
	size_t n;
};

static void fault_list_done(struct fault_list *list) {
	free(list->items);
}
DEFINE_AUTO_DONE(struct fault_list, fault_list_done)

static int read_faults(struct request *r, struct fault_list *ret, struct error *err) {
	const struct admin_config *config = request_config(r);
	return config->ops->faults(config->ctx, &ret->items, &ret->n, err);
}

static json_t *render_output(const struct output *output,
			     const struct fault_list *faults) {
	char source[sizeof(faults->items->source)];
	const char *fault = NULL;
	snprintf(source, sizeof(source), "output %s", output->name);
	for (size_t i = 0; i < faults->n; i++) {
		if (strcmp(faults->items[i].source, source) == 0) {
			fault = faults->items[i].text;
		}
	}
	return json_pack("{s:I, s:s, s:s, s:i, s:i, s:s?}", "id", (json_int_t)output->id,
			 "name", output->name, "pcm", output->pcm, "rate", output->rate,
			 "channels", output->channels, "fault", fault);
}

static void get_outputs(struct request *r) {
	struct error err = {0};
	struct store_page page;
	struct output *outputs = NULL;
	size_t n = 0;
	AUTO(fault_list_done) struct fault_list faults = {0};
	if (list_page(r, &page, &err) < 0 || read_faults(r, &faults, &err) < 0 ||
	    store_output_list(request_config(r)->store, page, &outputs, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_output(&outputs[i], &faults));
	}
	list_reply(r, &page, items, n, n > 0 ? outputs[n - 1].id : 0);
	output_list_free(outputs, n);
}

static void get_output(struct request *r) {
	AUTO(output_done) struct output output = {0};
	AUTO(fault_list_done) struct fault_list faults = {0};
	struct error err = {0};
	if (store_output_get(request_config(r)->store, request_id(r), &output, &err) <
		    0 ||
	    read_faults(r, &faults, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_output(&output, &faults));
}

/* "1-1.2" or "1-1.2,0" */
static bool is_usb_port(const char *text) {
	size_t bus = strspn(text, "0123456789");
	const char *ports = text + bus + 1;
	if (bus == 0 || text[bus] != '-' || !isdigit((unsigned char)ports[0])) {
		return false;
	}
	const char *rest = ports + strspn(ports, "0123456789.");
	return rest[0] == '\0' || (rest[0] == ',' && rest[1] != '\0' &&
				   rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

/* A name for snd_pcm_open, "usb:" and a port, or "wav:" and an absolute path. */
static int check_pcm(const char *pcm, struct error *err) {
	for (const char *p = pcm; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p)) {
			return error_set_field(err, EINVAL, "pcm",
					       "\"pcm\" is one line, such as plughw:0,0");
		}
	}
	if (strncmp(pcm, "wav:", 4) == 0 && (pcm[4] != '/' || pcm[5] == '\0')) {
		return error_set_field(err, EINVAL, "pcm",
				       "\"pcm\": '%s' needs the whole path of a file: "
				       "wav:/var/lib/dalaba/hall.wav",
				       pcm);
	}
	if (strncmp(pcm, "usb:", 4) == 0 && !is_usb_port(pcm + 4)) {
		return error_set_field(
			err, EINVAL, "pcm",
			"\"pcm\": '%s' is no USB port such as usb:1-1.2, or "
			"usb:1-1.2,0 with a device of the card; GET "
			"/outputs/cards lists them",
			pcm);
	}
	/* More than a name and its arguments could be a whole configuration: ALSA's file
	 * plugin runs what stands behind a bar, and writes where it is told. */
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
				      "YZ0123456789_-.,:=@+";
	if (strncmp(pcm, "wav:", 4) != 0 && pcm[strspn(pcm, letters)] != '\0') {
		return error_set_field(
			err, EINVAL, "pcm",
			"\"pcm\": an ALSA PCM is named by letters, digits and _ - . , : "
			"= @ +, such as hw:CARD=Device,DEV=0; for more give it a name in "
			"/etc/asound.conf");
	}
	return 0;
}

/* A number is not the card's for long. */
static int take_stable(struct request *r, char **pcm, struct error *err) {
	const struct admin_config *config = request_config(r);
	char stable[2 * PCM_MAX_CHARS];
	config->ops->pcm_stable(config->ctx, *pcm, stable, sizeof(stable));
	char *copy = strdup(stable);
	if (copy == NULL) {
		return error_set(err, ENOMEM, "no memory for the name of a card");
	}
	free(*pcm);
	*pcm = copy;
	return 1;
}

static int read_output(struct request *r, enum need need, struct output *output,
		       struct error *err) {
	static const char *const names[] = {"name", "pcm", "rate", "channels", NULL};
	const json_t *body = request_body(r);
	int64_t rate = output->rate;
	int64_t channels = output->channels;
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "name", need, 1, NAME_MAX_CHARS, &output->name,
				err);
	}
	if (rc >= 0) {
		rc = field_text(body, "pcm", need, 1, PCM_MAX_CHARS, &output->pcm, err);
	}
	if (rc > 0) {
		rc = check_pcm(output->pcm, err);
		rc = rc < 0 ? rc : take_stable(r, &output->pcm, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "rate", OPTIONAL, 0, RATE_MAX, &rate, err);
	}
	if (rc > 0 && rate != 0 && rate < RATE_MIN) {
		rc = error_set_field(
			err, EINVAL, "rate",
			"\"rate\" is %d to %d Hz, or 0 to let the card choose", RATE_MIN,
			RATE_MAX);
	}
	if (rc >= 0) {
		rc = field_int(body, "channels", OPTIONAL, 1, OUTPUT_CHANNELS_MAX,
			       &channels, err);
	}
	if (rc < 0) {
		return rc;
	}
	output->rate = (int)rate;
	output->channels = (int)channels;
	return 0;
}

static int put_output(struct request *r, struct output *output, struct error *err) {
	int rc = store_output_put(request_config(r)->store, output, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_OUTPUTS, output->id);
	}
	return rc;
}

static void post_outputs(struct request *r) {
	AUTO(output_done) struct output output = {.channels = 2};
	AUTO(fault_list_done) struct fault_list faults = {0};
	struct error err = {0};
	if (read_output(r, REQUIRED, &output, &err) < 0 ||
	    put_output(r, &output, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	/* Whether the card is well is known only once its thread has opened it. */
	reply_created(r, render_output(&output, &faults), "/outputs/%lld",
		      (long long)output.id);
}

static void patch_output(struct request *r) {
	AUTO(output_done) struct output output = {0};
	AUTO(fault_list_done) struct fault_list faults = {0};
	struct error err = {0};
	if (store_output_get(request_config(r)->store, request_id(r), &output, &err) <
		    0 ||
	    read_output(r, OPTIONAL, &output, &err) < 0 ||
	    read_faults(r, &faults, &err) < 0 || put_output(r, &output, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_output(&output, &faults));
}

static void delete_output(struct request *r) {
	struct error err = {0};
	if (store_output_delete(request_config(r)->store, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_OUTPUTS, request_id(r));
	reply_empty(r);
}

static void get_cards(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(free) struct admin_card *cards = NULL;
	size_t n = 0;
	struct error err = {0};
	if (config->ops->cards(config->ctx, &cards, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(
			items, json_pack("{s:s, s:s, s:s?}", "pcm", cards[i].pcm, "name",
					 cards[i].name, "usb",
					 cards[i].usb[0] != '\0' ? cards[i].usb : NULL));
	}
	list_reply_cursor(r, items, NULL);
}

const struct route *api_outputs_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/outputs", BODY_NONE, "limit cursor", 0, get_outputs},
		{METHOD_POST, "/outputs", BODY_JSON, NULL, 0, post_outputs},
		{METHOD_GET, "/outputs/cards", BODY_NONE, NULL, 0, get_cards},
		{METHOD_GET, "/outputs/{id}", BODY_NONE, NULL, 0, get_output},
		{METHOD_PATCH, "/outputs/{id}", BODY_JSON, NULL, 0, patch_output},
		{METHOD_DELETE, "/outputs/{id}", BODY_NONE, NULL, 0, delete_output},
		{.path = NULL},
	};
	return routes;
}
