#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ingest/imap/imap_session.h"

/* A driver that asks for one thing after another, whatever it hears. */
static void ask(struct imap_session *s, unsigned turn)
{
	switch (turn % 8) {
	case 0:
		(void)imap_session_list(s, 0);
		break;
	case 1:
	case 5:
		(void)imap_session_examine(s, TEXT("Gel\xc3\xb6scht"), NULL, 0);
		break;
	case 2:
		(void)imap_session_search_since(s, 1763856000, 0);
		break;
	case 3:
		(void)imap_session_fetch_headers(s, 5, UINT32_MAX, 0);
		break;
	case 4:
		(void)imap_session_fetch_part(s, 7, TEXT("1.2"), 40, 0);
		break;
	case 6:
		(void)imap_session_idle(s, 0);
		break;
	default:
		(void)imap_session_status(s, TEXT("Junk"), 0);
		break;
	}
}

/* What it said and what it told, as bytes to compare. */
static void run(const uint8_t *p, size_t n, size_t step, unsigned flags, struct buf *out)
{
	struct secret token = { (uint8_t[]){ "t0ken" }, 5 };
	struct imap_params params = { .kind = flags & 1 ? IMAP_CREDENTIAL_PASSWORD
							: IMAP_CREDENTIAL_TOKEN,
				      .credential = &token,
				      .user = TEXT("\xc3\xbc@a"),
				      .max_line = 2048,
				      .max_literal = 64,
				      .max_skip = 4096 };
	struct imap_session *s = imap_session_new(&params, 0);
	struct imap_event ev;
	const uint8_t *at;
	unsigned turn = flags >> 1;
	bool is_over = false;
	size_t len;

	for (size_t i = 0; i < n; i += step) {
		if (imap_session_recv(s, p + i, n - i < step ? n - i : step, 0) < 0)
			abort();
		while (imap_session_next(s, &ev)) {
			if (is_over)
				abort(); /* BYE and FAILED are the last */
			is_over = ev.kind == IMAP_EV_BYE || ev.kind == IMAP_EV_FAILED;
			(void)text_addf(out, "%d:%u ", ev.kind,
					ev.kind == IMAP_EV_MESSAGE ? ev.message.uid : 0);
			if (ev.kind == IMAP_EV_MESSAGE && ev.message.uid < 5)
				abort();
			if (ev.kind == IMAP_EV_READY || ev.kind == IMAP_EV_DONE)
				ask(s, turn++);
			else if (ev.kind == IMAP_EV_IDLING || ev.kind == IMAP_EV_EXISTS)
				(void)imap_session_end_idle(s, 0);
		}
	}
	while ((len = imap_session_send(s, &at)) > 0) {
		(void)buf_add(out, at, len);
		imap_session_sent(s, len);
	}
	if (imap_session_done(s) != is_over)
		abort();
	imap_session_free(s);
}

/* First byte: the step; second: how the driver behaves.  The step must not matter. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf a, b;

	if (n < 3 || n > (1 << 15))
		return 0;
	buf_init(&a, 1 << 22);
	buf_init(&b, 1 << 22);
	run(p + 2, n - 2, n, p[1], &a);
	run(p + 2, n - 2, (size_t)p[0] + 1, p[1], &b);
	if (a.len != b.len || (a.len && memcmp(a.data, b.data, a.len) != 0))
		abort();
	buf_clear(&a);
	buf_clear(&b);
	return 0;
}
