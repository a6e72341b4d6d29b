/* auth.c - see auth.h, and admin_token_new of admin.h.
 *
 * A token is 32 bytes from the kernel in base64url. It is looked up by its SHA-256: 256
 * random bits need neither salt nor a slow hash, and the time of an index look-up tells
 * nothing about a secret that was hashed first.
 *
 * Nothing here is a cookie that a browser would send by itself, so a page of another
 * origin cannot act with somebody else's rights, and no check of Origin or Host is
 * needed. */
#include "auth.h"

#include "base/str.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define TOKEN_BYTES 32
#define TOKEN_PREFIX "dalaba_"
#define TOKEN_MAX 256
#define GROUPS_MAX 1024

struct hash {
	crypto_hash_sha256_state state;
};

static void token_hash(const char *token, uint8_t ret[32]) {
	crypto_hash_sha256(ret, (const unsigned char *)token, strlen(token));
}

int admin_token_new(struct store *store, const char *name, int64_t now_us, char **ret,
		    struct error *err) {
	if (sodium_init() < 0) {
		return error_set(err, EIO, "the kernel gives no random numbers");
	}
	unsigned char secret[TOKEN_BYTES];
	char text[sodium_base64_ENCODED_LEN(TOKEN_BYTES,
					    sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	randombytes_buf(secret, sizeof(secret));
	sodium_bin2base64(text, sizeof(text), secret, sizeof(secret),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(secret, sizeof(secret));
	AUTO(free) char *token = NULL;
	int rc = asprintf(&token, TOKEN_PREFIX "%s", text);
	sodium_memzero(text, sizeof(text));
	if (rc < 0) {
		token = NULL;
		return error_set(err, ENOMEM, "no memory for a token");
	}
	uint8_t hash[32];
	token_hash(token, hash);
	int64_t id = 0;
	rc = store_token_add(store, name, hash, now_us, &id, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(token);
	return 0;
}

/* The token of "Bearer TOKEN" (RFC 6750, section 2.1), or NULL. */
static const char *bearer(const char *authorization) {
	static const char scheme[] = "Bearer ";
	if (authorization == NULL ||
	    strncasecmp(authorization, scheme, strlen(scheme)) != 0) {
		return NULL;
	}
	const char *token = authorization + strlen(scheme);
	token += strspn(token, " ");
	return token[0] != '\0' && strlen(token) <= TOKEN_MAX ? token : NULL;
}

int auth_token(struct store *store, const char *authorization, int64_t now_us,
	       struct caller *ret, struct error *err) {
	const char *token = bearer(authorization);
	if (token == NULL) {
		return error_set(err, EACCES,
				 "send \"Authorization: Bearer TOKEN\"; a token is made "
				 "with dalabactl token add, on the box itself");
	}
	uint8_t hash[32];
	token_hash(token, hash);
	AUTO(token_done) struct token row = {0};
	int rc = store_token_check(store, hash, now_us, &row, err);
	if (rc == -ENOENT) {
		return error_set(err, EACCES,
				 "this token is not known here, or was taken back; make "
				 "another with dalabactl token add");
	}
	if (rc < 0) {
		return rc;
	}
	str_copy(ret->who, sizeof(ret->who), row.name);
	snprintf(ret->key, sizeof(ret->key), "token %lld", (long long)row.id);
	return 0;
}

/* ------------------------------------------------------------------------------ peers */

int auth_group(const char *name, gid_t *ret) {
	AUTO(file_close) FILE *file = fopen("/etc/group", "re");
	char buffer[16384];
	struct group entry;
	struct group *found = NULL;
	while (file != NULL &&
	       fgetgrent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		if (strcmp(entry.gr_name, name) == 0) {
			*ret = entry.gr_gid;
			return 0;
		}
	}
	return -ENOENT;
}

static void user_name(uid_t uid, char *ret, size_t size) {
	AUTO(file_close) FILE *file = fopen("/etc/passwd", "re");
	char buffer[4096];
	struct passwd entry;
	struct passwd *found = NULL;
	while (file != NULL &&
	       fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		if (entry.pw_uid == uid &&
		    utf8_valid(entry.pw_name, strlen(entry.pw_name))) {
			str_copy(ret, size, entry.pw_name);
			return;
		}
	}
	snprintf(ret, size, "uid %u", uid);
}

/* The kernel's own list of the peer's groups: those it had when it connected. */
static bool peer_in_group(int fd, const struct ucred *peer, gid_t gid) {
	if (peer->gid == gid) {
		return true;
	}
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0) {
		return false;
	}
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == gid) {
			return true;
		}
	}
	return false;
}

int auth_peer(int fd, const char *group, struct caller *ret, struct error *err) {
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		return error_set(err, EPERM, "the kernel does not say who calls: %s",
				 strerror(errno));
	}
	gid_t gid = 0;
	bool admitted = peer.uid == 0 || peer.uid == geteuid() ||
			(auth_group(group, &gid) == 0 && peer_in_group(fd, &peer, gid));
	struct caller caller = {0};
	user_name(peer.uid, caller.who, sizeof(caller.who));
	if (!admitted) {
		return error_set(err, EPERM,
				 "%s may not administer this box: let root add the user "
				 "to the group '%s', and sign in anew",
				 caller.who, group);
	}
	snprintf(caller.key, sizeof(caller.key), "uid %u", peer.uid);
	*ret = caller;
	return 0;
}

/* ----------------------------------------------------------------------------- hashes */

struct hash *hash_new(void) {
	struct hash *h = malloc(sizeof(*h));
	if (h != NULL) {
		crypto_hash_sha256_init(&h->state);
	}
	return h;
}

void hash_free(struct hash *h) {
	free(h);
}

void hash_add(struct hash *h, const void *bytes, size_t n) {
	crypto_hash_sha256_update(&h->state, bytes, n);
}

void hash_end(struct hash *h, char ret[SHA256_HEX_SIZE]) {
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_final(&h->state, digest);
	sodium_bin2hex(ret, SHA256_HEX_SIZE, digest, sizeof(digest));
}
