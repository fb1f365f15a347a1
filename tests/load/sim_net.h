#ifndef TESTS_LOAD_SIM_NET_H
#define TESTS_LOAD_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/load/sim_imap.h"

/*
 * The simulator's connections: TLS over epoll, one thread, as little as can be
 * per connection.  Sessions are resumed by stateless tickets; sim_net_cut()
 * closes everything at once and can make every ticket worthless, so that all
 * come back with full handshakes.
 */
struct sim_net;

/* `dir`: chain.pem and key.pem (certchain.c).  Whatever cannot be done ends the program. */
struct sim_net *sim_net_open(struct sim_imap_server *server, const char *dir);
void sim_net_listen(struct sim_net *n, const char *address, uint16_t port);
/* `heard` is called with every line that comes over this Unix socket; what it adds is answered. */
void sim_net_control(struct sim_net *n, const char *path,
		     void (*heard)(void *owner, struct text line, struct buf *answer), void *owner);

/* Wait for at most this long, and do what there is to do. */
void sim_net_turn(struct sim_net *n, int wait_ms);
/* A mail came into a box: tell its watcher. */
void sim_net_push(struct sim_net *n, struct sim_box *x);
void sim_net_cut(struct sim_net *n, bool forget_tickets);
/* Whether new connections get tickets; at first they do. */
void sim_net_tickets(struct sim_net *n, bool gives_them);

#endif
