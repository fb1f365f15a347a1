#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/text.h"

/*
 * TLS as a sans-IO engine over OpenSSL: cipher bytes in and out on one side,
 * clear bytes in and out on the other.  No socket, no callback.
 *
 *      wire                          application
 *   tls_recv() ---> [ records ] ---> tls_next()
 *   tls_send() <--- [ records ] <--- tls_write()
 *
 * The certificate chain and the host name are always verified (RFC 9525,
 * RFC 8446); there is no way to switch that off.  TLS 1.2 at least.  A BIO of
 * ours reads the caller's slice, and OpenSSL gives its buffers back, so an
 * idle connection keeps no record buffer (docs/why-engines.md).
 *
 * What a context remembers makes the next handshake with a host cheaper, in time
 * and in memory, and weakens nothing: chains that were verified, for the host
 * they were verified for (tls_trust.h), and sessions to be resumed, at that host
 * and port only (tls_ticket.h).  Neither outlives the certificates, or a day.  Of
 * a chain that was good an idle connection keeps the first certificate only.
 */
struct tls_context; /* trust anchors and policy, and what is remembered; one per process */
struct tls;         /* one connection, client side */

/*
 * Free the context after its connections.  `ca_file`: PEM, added to the system's
 * anchors; NULL: the system's only.  -ENOENT / -EACCES / -EINVAL: the file cannot
 * be read or holds no certificate.
 */
int tls_context_new(const char *ca_file, struct tls_context **ret);
void tls_context_free(struct tls_context *c);
/* How many chains had to be judged: every other connection had a known one, or was resumed. */
uint64_t tls_context_judged(const struct tls_context *c);
/* Judge certificates as if it were this instant (Unix s), also what is remembered; for tests. */
void tls_context_at(struct tls_context *c, int64_t now_s);

/*
 * `host`: the name to verify and to send (SNI); an IP literal is verified as
 * one.  `port`: where it is; tells apart what may be resumed there.  The handshake starts at once:
 * drain tls_send().  What is no host name makes an engine that has failed already.
 */
struct tls *tls_new(struct tls_context *c, const char *host, uint16_t port);
void tls_free(struct tls *t);

/*
 * All `n` bytes are taken.  0, or -EBADMSG: the handshake or a record failed;
 * tls_outcome() says why, tls_next() still has what came before, and tls_send()
 * may hold an alert to deliver.  -ENOBUFS, and it failed: the caller lets more
 * than LIMIT_TLS_CLEAR bytes lie in tls_next().
 */
int tls_recv(struct tls *t, const uint8_t *in, size_t n);
/* Clear bytes that arrived, good until the next tls_recv or tls_next on `t`.  false: none now. */
bool tls_next(struct tls *t, struct text *ret);
/*
 * Queue clear bytes, all or none; before the handshake is over they wait.
 * -ENOBUFS: LIMIT_TLS_PENDING would be passed; -EPIPE: failed or closed; -EBADMSG
 * as tls_recv.
 */
int tls_write(struct tls *t, const uint8_t *p, size_t n);
/* Cipher bytes waiting for the wire; good until the next call on `t`. */
size_t tls_send(struct tls *t, const uint8_t **ret);
void tls_sent(struct tls *t, size_t n);
/* Queue a close_notify. */
void tls_close(struct tls *t);

bool tls_is_up(const struct tls *t);      /* the handshake is over and verified */
bool tls_is_resumed(const struct tls *t); /* its chain was verified by an earlier connection */
bool tls_is_over(const struct tls *t);    /* the peer said close_notify, or it failed */
/*
 * OUTCOME_OK, also after a close_notify.  After a failure BLAME_PEER (BLAME_US:
 * our host name, our use) and one of
 *
 *   "tls certificate"  certificate has expired on 2026-01-31
 *                      unknown issuer: Example CA
 *                      self-signed certificate: mail
 *                      host name mismatch: mail.example is not in other.example
 *   "tls alert"        the peer's
 *   "tls handshake", "tls record"
 */
struct outcome tls_outcome(const struct tls *t);

#endif
