/* dalabactl_token.c - token add: who may use the API over the network. */
#include "dalabactl.h"

#include <stdio.h>

int dalabactl_token_add(struct client *c, const struct args *args, struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	AUTO(reply_done) struct reply reply = {0};
	int rc = dalabactl_put_text(body, "name", args->words[0], err);
	rc = rc < 0 ? rc : client_call(c, "POST", "/tokens", body, &reply, err);
	if (rc < 0) {
		return rc;
	}
	puts(args_flag(args, "json") ? reply.body : json_text(reply.json, "token"));
	return 0;
}
