/* auth.h - who may call: bearer tokens over TCP, peer credentials on the Unix socket; and
 * the hashes that need the same library.
 * Owner: none. Threads: the core thread alone. Blocks: on the store, and on the local
 * files /etc/passwd and /etc/group; never on a name service over a network. */
#pragma once

#include "admin.h"

#include <sys/types.h>

#define SHA256_HEX_SIZE 65

struct caller {
	char who[200]; /* for the records: "root", the token's name */
	char key[40];  /* tells callers apart: "uid 0", "token 3" */
};

/* The value of the header Authorization (NULL where there is none). -EACCES with what to
 * send instead; the errors of the store. */
int auth_token(struct store *store, const char *authorization, int64_t now_us,
	       struct caller *ret, struct error *err);
/* Whoever is at the other end of a connected Unix socket: root, our own user and members
 * of the group may. -EPERM names the group. */
int auth_peer(int fd, const char *group, struct caller *ret, struct error *err);
/* The number of a local group. -ENOENT. */
int auth_group(const char *name, gid_t *ret);

struct hash;
struct hash *hash_new(void); /* SHA-256; NULL without memory */
void hash_free(struct hash *h);
void hash_add(struct hash *h, const void *bytes, size_t n);
/* Lower-case hex; nothing can be added afterwards. */
void hash_end(struct hash *h, char ret[SHA256_HEX_SIZE]);
DEFINE_AUTO(struct hash *, hash_free)
