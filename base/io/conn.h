#ifndef BASE_IO_CONN_H
#define BASE_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io/loop.h"
#include "base/netaddr.h"
#include "base/outcome.h"
#include "base/tls.h"

/*
 * One client connection: name lookup, TCP, TLS and buffers under one lifetime.
 *
 *   conn_open -> lookup -> tcp connect -> tls handshake -> up -> over
 *
 * Every address is judged by the policy where it is dialled, each address of
 * the name is tried in turn.  TCP keepalive and TCP_USER_TIMEOUT are on: a peer
 * that vanished is noticed within LIMIT_CONN_DEAD_MS of our writing to it, or of
 * LIMIT_CONN_QUIET_MS of silence.
 *
 * The owner embeds nothing; it gives callbacks and gets itself back.  They come
 * from the loop only, never from inside a call to this file.  `on_over` is
 * called exactly once unless conn_drop() came first, and after it only
 * conn_drop() may be called; the descriptor is given back already.
 *
 * What `on_over` is told:
 *   BLAME_NET      "name lookup", "tcp connect", "tls handshake": no answer in time, or the
 *                  network's words; "connection": it ended ("closed by the peer", "cut off
 *                  without a goodbye", "connection reset by peer", "no answer from the peer")
 *   BLAME_REFUSED  "address not allowed": our policy, every address of the name
 *   BLAME_US       no descriptors or memory left
 *   BLAME_PEER     tls_outcome()
 */
struct conn;

enum conn_security {
	CONN_TLS,
	CONN_STARTTLS,
	CONN_CLEAR, /* tests on loopback only */
};

struct conn_params {
	const char *host;
	uint16_t port;
	enum conn_security security;
	struct tls_context *tls;
	const struct netaddr_policy *policy; /* must outlive the connection */
	uint64_t connect_timeout_ms; /* lookup, TCP and TLS together; 0: LIMIT_CONN_TIMEOUT_MS */
	void *owner;
	/* Ready for bytes (CONN_STARTTLS: clear ones, before TLS). */
	void (*on_up)(void *owner);
	/* Clear bytes; good inside the call only. */
	void (*on_bytes)(void *owner, const uint8_t *p, size_t n);
	/* Ended by the peer, the network or a timeout. */
	void (*on_over)(void *owner, const struct outcome *why);
};

/* -EINVAL: the host name is empty, no name at all or longer than 253 bytes, or the port is 0. */
int conn_open(struct loop *l, const struct conn_params *p, struct conn **ret);
/*
 * Queue bytes, all or none.  -ENOBUFS: the peer does not read and LIMIT_CONN_OUT
 * would be passed: drop it.  -ENOTCONN: not up.
 */
int conn_write(struct conn *c, const uint8_t *p, size_t n);
/*
 * CONN_STARTTLS: begin the handshake now, within `connect_timeout_ms`; on_up is
 * called again when it is over.  Nothing clear is delivered from here on: bytes
 * behind the server's "go ahead" that came in the same read are the owner's to
 * throw away (RFC 9051 section 6.2.1), later ones break the handshake.
 */
void conn_start_tls(struct conn *c);
/* While up: stop and resume reading; the owner is busy. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/*
 * Callable anywhere, NULL too; no callback comes afterwards, and `c` is gone.
 * What the kernel has not taken yet is thrown away.
 */
void conn_drop(struct conn *c);

/* "name lookup", "tcp connect", "tls handshake", "bytes", "nothing": for logs and the admin. */
const char *conn_waiting_for(const struct conn *c);

#endif
