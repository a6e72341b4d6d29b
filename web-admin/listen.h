/* listen.h - the sockets that callers come in by. Owner: server.c; http.c takes the fd.
 * Threads: the core thread alone. Blocks: for a connect to a local socket, at most. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct listen_file {
	char path[108];
	dev_t dev;
	ino_t ino;
};

/* "127.0.0.1:8080" or "[::1]:8080". Returns an fd that listens; -EINVAL, -EADDRINUSE,
 * -EADDRNOTAVAIL, -EACCES name the address. */
int listen_tcp(const char *address, struct error *err);
/* A file of mode 0660, of that group where it exists (*grouped says whether it could be
 * given to it). One that a dead daemon left is replaced; -EADDRINUSE where a live one
 * answers, or where the file is no socket. */
int listen_local(const char *path, const char *group, struct listen_file *ret,
		 bool *grouped, struct error *err);
/* Unlinks the file where it is still the one that was made. */
void listen_forget(const struct listen_file *file);
