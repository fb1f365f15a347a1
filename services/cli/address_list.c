#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"
#include "services/cli/address_list.h"

/* The first of them that a file has: a login name is the mailbox's address often, not always. */
static const char *const headings[] = {
	"address",
	"email",
	"e-mail",
	"mail",
	"email address",
	"e-mail address",
	"email address [required]", /* Google: Users, Download users */
	"primarysmtpaddress",       /* Exchange: Get-Mailbox */
	"primary smtp address",
	"adresse",
	"adresse e-mail",
	"adresse email",
	"adresse de messagerie",
	"userprincipalname", /* Entra: Users, Download users */
	"user principal name",
};

static int refuse(char why[256], unsigned line, const char *what)
{
	(void)snprintf(why, 256, "line %u: %s", line, what);
	return -EBADMSG;
}

static bool is_address(struct text t)
{
	char address[FIELD_ADDRESS];

	return field_address(t, address);
}

/* `*ret_headed`: the row is a heading. */
static int find_column(const struct csv_row *r, size_t *ret, bool *ret_headed)
{
	*ret_headed = true;
	for (size_t k = 0; k < countof(headings); k++)
		for (*ret = 0; *ret < r->n; ++*ret)
			if (text_ieq(text_trim(r->fields[*ret]), text_of(headings[k])))
				return 0;
	*ret_headed = false;
	for (*ret = 0; *ret < r->n; ++*ret)
		if (is_address(r->fields[*ret]))
			return 0;
	return -EBADMSG;
}

static void add(struct address_list *l, size_t *room, unsigned line, struct text given)
{
	char address[FIELD_ADDRESS] = "";
	struct address_row *row;

	if (l->n == *room) {
		*room = *room ? *room * 2 : 64;
		l->rows = mem_resize(l->rows, *room * sizeof(*l->rows));
	}
	row = &l->rows[l->n++];
	*row = (struct address_row){ .line = line };
	if (given.len == 0)
		row->bad = "the address is empty; write it as name@domain, or take the line out";
	else if (!field_address(given, address))
		row->bad = "is no e-mail address; write it as name@domain";
	row->address = mem_text(address);
}

static int read_rows(struct address_list *l, struct csv *c, char why[256])
{
	size_t column = 0, room = 0;
	bool headed = true, first = true;
	struct csv_row row;
	int r;

	for (; (r = csv_next(c, &row)) > 0; first = false) {
		if (first && find_column(&row, &column, &headed) < 0)
			return refuse(why, row.line,
				      "no column is called address or email, and none holds an "
				      "address; name the column in the first line");
		if (!first || !headed)
			add(l, &room, row.line,
			    column < row.n ? row.fields[column] : (struct text){ 0 });
	}
	if (r == -E2BIG)
		return refuse(why, row.line, "has more than 64 fields; is it the right file?");
	return r < 0 ? refuse(why, row.line,
			      "a quote is not closed, or something stands behind a closing one; "
			      "write it as \"...\"")
		     : 0;
}

int address_list_read(struct address_list *l, char *bytes, size_t n, char why[256])
{
	struct csv c;
	int r;

	*l = (struct address_list){ 0 };
	if (n > 0 && memchr(bytes, '\0', n))
		return refuse(why, 1, "is not text in UTF-8; save the file as CSV (UTF-8)");
	csv_init(&c, bytes, n);
	r = read_rows(l, &c, why);
	if (r == 0 && l->n == 0)
		r = refuse(why, 1, "the file holds no address; give one a line");
	if (r < 0)
		address_list_clear(l);
	return r;
}

void address_list_clear(struct address_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->rows[i].address);
	free(l->rows);
	*l = (struct address_list){ 0 };
}
