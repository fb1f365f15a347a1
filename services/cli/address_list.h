#ifndef SERVICES_CLI_ADDRESS_LIST_H
#define SERVICES_CLI_ADDRESS_LIST_H

#include "services/api/field.h"

/*
 * Addresses out of a CSV file: of the column whose heading says so (as Google's,
 * Microsoft's and other consoles name it in their exports), or, in a file without
 * headings, of the first that holds an address.  Pure.
 */
#define ADDRESS_LIST_BYTES (16 * 1024 * 1024) /* of a file: 300,000 mailboxes with their names */

struct address_row {
	unsigned line;
	char *address;   /* lower case; "": it is none */
	const char *bad; /* static; what is wrong with it, NULL: nothing */
};

struct address_list {
	struct address_row *rows;
	size_t n;
};

/*
 * `bytes` are written to, and not needed afterwards.  -EBADMSG: it is no such file; `why` names
 * line, cause and remedy.  Single addresses that are none are in the list, with what is wrong.
 */
int address_list_read(struct address_list *l, char *bytes, size_t n, char why[256]);
void address_list_clear(struct address_list *l); /* safe on zeros */

#endif
