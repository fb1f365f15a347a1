#ifndef BASE_TLS_MEM_H
#define BASE_TLS_MEM_H

/*
 * Where OpenSSL's large buffers come from.
 *
 * A connection takes 16 KB to read a record and 16 KB to write one, and gives them
 * back at once (SSL_MODE_RELEASE_BUFFERS): thirty times for each login.  From the
 * heap that is a search through what ten thousand connections left in pieces, and
 * holes of this size between what stays.  A few blocks of that size are kept for it;
 * more than those come from the heap as before, as does everything small.
 *
 * Once, before anything uses OpenSSL.
 */
void tls_mem_init(void);

#endif
