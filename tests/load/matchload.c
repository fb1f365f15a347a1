/*
 * `matchload fill outbounds=N workspaces=W`: SQL for psql that fills a fresh database with
 * outbounds, their keys and their names, in tables without indexes, which it makes at the end.
 *
 * `matchload ask outbounds=N workspaces=W seconds=S url=...`: look-ups on one connection, as a
 * worker's db/arrival_group sends them; one JSON object to stdout.  Most mail concerns nobody: one
 * in five ids is there, and one in five names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io/loop.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "base/sign.h"
#include "db/arrival_group.h"

#define WORKSPACE     "10000000-0000-4000-8000-%012x"
#define OUTBOUND      "30000000-0000-4000-8000-%012x"
#define PER_PROSPECT  10 /* outbounds to one person */
#define BATCH         20 /* as a worker looks up at once */
#define IDS_OF_MAIL   3  /* In-Reply-To and References */
#define NAMES_OF_MAIL 2  /* from, and from with the subject */
#define STRANGERS     5  /* of so many ids one is ours */
#define SAMPLES       20000
#define POOL          65536 /* ids of each workspace that are asked for */
#define OUTSTANDING   128   /* asks, when it is looked how many ids go through */

/* What one SQL file of `fill` begins and ends with. */
static const char before[] =
	"set search_path = replyd;\nset maintenance_work_mem = '1GB';\nset synchronous_commit = "
	"off;\n"
	"alter table outbound_key drop constraint outbound_key_pkey;\n"
	"alter table outbound_name drop constraint outbound_name_pkey;\n"
	"alter table outbound drop constraint outbound_pkey;\n"
	"drop index outbound_prospect, outbound_address, outbound_key_placeholder;\n";
static const char after[] =
	"alter table outbound add primary key (workspace_id, outbound_id, created_at);\n"
	"alter table outbound_key add primary key (workspace_id, digest);\n"
	"alter table outbound_name add primary key (workspace_id, digest, sent_at, outbound_id);\n"
	"vacuum analyze outbound, outbound_key, outbound_name;\n";

static const char *word(char *const args[], const char *name)
{
	size_t n = strlen(name);

	for (; *args; args++)
		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return *args + n + 1;
	(void)fprintf(stderr, "matchload: %s=... is missing\n", name);
	exit(64);
}

static unsigned number(char *const args[], const char *name)
{
	return (unsigned)strtoul(word(args, name), NULL, 10);
}

/* ---- fill ---- */

static void digest_of(const char *kind, unsigned n, uint8_t ret[SIGN_SHA256])
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%s %u", kind, n);

	sign_sha256(text, (size_t)len, ret);
}

static void put_digest(const char *kind, unsigned n)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SIGN_SHA256];
	char hex[2 * SIGN_SHA256 + 1];

	digest_of(kind, n, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[sizeof(hex) - 1] = '\0';
	(void)printf("\\\\x%s", hex);
}

/* Registered over four months, sent when they were registered; prospects get one after the other.
 */
static void put_time(unsigned n)
{
	static time_t now; /* the same for all rows of an outbound */
	time_t at;
	struct tm tm;
	char text[40];

	now = now ? now : time(NULL);
	at = now + (time_t)(n % 4) * 30 * 86400 + (time_t)(n % 100000);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S+00", gmtime_r(&at, &tm));
	(void)fputs(text, stdout);
}

static void fill(unsigned outbounds, unsigned workspaces)
{
	(void)printf("%scopy outbound (workspace_id, outbound_id, created_at, inbox_id, sequence, "
		     "step, prospect_key, prospect_address, message_id, sent_at) from stdin;\n",
		     before);
	for (unsigned n = 0; n < outbounds; n++) {
		(void)printf(WORKSPACE "\t" OUTBOUND "\t", n % workspaces, n);
		put_time(n);
		(void)printf("\t" WORKSPACE "\tautumn\t%u\tp%u\tp%u@client.example\t"
			     "out.%08x.0123456789abcdef@mail.sender.example\t",
			     n % workspaces, n % 8, n / PER_PROSPECT, n / PER_PROSPECT, n);
		put_time(n);
		(void)printf("\n");
	}
	(void)printf("\\.\ncopy outbound_key (workspace_id, digest, outbound_id, "
		     "outbound_created_at, fingerprint) from stdin;\n");
	for (unsigned n = 0; n < outbounds; n++) {
		(void)printf(WORKSPACE "\t", n % workspaces);
		put_digest("id", n);
		(void)printf("\t" OUTBOUND "\t", n);
		put_time(n);
		(void)printf("\t");
		put_digest("print", n);
		(void)printf("\n");
	}
	(void)printf("\\.\ncopy outbound_name from stdin;\n");
	for (unsigned n = 0; n < NAMES_OF_MAIL * outbounds; n++) {
		unsigned o = n / NAMES_OF_MAIL;

		(void)printf(WORKSPACE "\t", o % workspaces);
		put_digest(n % NAMES_OF_MAIL ? "subject" : "from",
			   n % NAMES_OF_MAIL ? o : o / PER_PROSPECT);
		(void)printf("\t");
		put_time(o);
		(void)printf("\t" OUTBOUND "\t", o);
		put_time(o);
		(void)printf("\n");
	}
	(void)printf("\\.\n%s", after);
}

/* ---- ask ---- */

/* One look-up under way, again and again. */
struct asker {
	struct bench *b;
	struct arrival_find find;
	uint8_t ids[BATCH * IDS_OF_MAIL][ARRIVAL_DIGEST];
	uint8_t names[BATCH * NAMES_OF_MAIL][ARRIVAL_DIGEST];
	int64_t began_ns;
};

struct bench {
	struct loop loop;
	struct pg *pg;
	struct gather *gather;
	struct timer end;
	unsigned outbounds, workspaces, seconds;
	uint64_t draw;
	uint8_t (*pool)[ARRIVAL_DIGEST]; /* made before: POOL of each workspace */
	unsigned ids_each, names_each;
	unsigned long long answers, found;
	int64_t samples[SAMPLES];
	size_t n_samples;
	bool is_over;
	struct asker askers[OUTSTANDING];
};

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64*: the same questions in every run. */
static unsigned draw(struct bench *b, unsigned below)
{
	b->draw ^= b->draw >> 12;
	b->draw ^= b->draw << 25;
	b->draw ^= b->draw >> 27;
	return (unsigned)((b->draw * UINT64_C(2685821657736338717)) >> 33) % below;
}

static void on_found(struct arrival_find *q);

static void make_pool(struct bench *b)
{
	unsigned each = STRANGERS * (b->outbounds / b->workspaces);

	b->pool = mem_new((size_t)b->workspaces * POOL * sizeof(*b->pool));
	for (unsigned w = 0; w < b->workspaces; w++)
		for (unsigned i = 0; i < POOL; i++)
			digest_of("id", w + b->workspaces * draw(b, each),
				  b->pool[(size_t)w * POOL + i]);
}

static void ask(struct asker *a)
{
	struct bench *b = a->b;
	char workspace[37];
	unsigned w = draw(b, b->workspaces), each = STRANGERS * (b->outbounds / b->workspaces);
	const struct folder_lease lease = { .workspace = workspace };
	const struct arrival_keys keys = { a->ids, b->ids_each, a->names, b->names_each };

	(void)snprintf(workspace, sizeof(workspace), WORKSPACE, w);
	for (unsigned i = 0; i < b->ids_each; i++)
		memcpy(a->ids[i], b->pool[(size_t)w * POOL + draw(b, POOL)], ARRIVAL_DIGEST);
	for (unsigned i = 0; i < b->names_each; i++) {
		unsigned n = w + b->workspaces * draw(b, each);

		digest_of(i % 2 ? "subject" : "from", i % 2 ? n : n / PER_PROSPECT, a->names[i]);
	}
	a->began_ns = now_ns();
	if (arrival_group_find(b->gather, &a->find, &lease, &keys, on_found) != 0)
		abort();
}

static void on_found(struct arrival_find *q)
{
	struct asker *a = container_of(q, struct asker, find);
	struct bench *b = a->b;

	if (!outcome_ok(&q->outcome)) {
		(void)fprintf(stderr, "matchload: %s %s\n", q->outcome.what, q->outcome.said);
		exit(69);
	}
	b->answers++;
	b->found += q->n_found;
	if (b->n_samples < SAMPLES)
		b->samples[b->n_samples++] = now_ns() - a->began_ns;
	if (!b->is_over)
		ask(a);
}

static void on_end(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, end);

	b->is_over = true;
	loop_stop(&b->loop);
	uv_stop(&b->loop.uv);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of the sorted samples. */
static double percentile_us(const struct bench *b, size_t percent)
{
	size_t at = b->n_samples * percent / 100;

	return (double)b->samples[at] / 1e3;
}

/* `askers` at once, each for so many ids and names, for the time of the bench. */
static void run(struct bench *b, const char *name, unsigned askers, unsigned ids, unsigned names)
{
	int64_t began = now_ns();
	double s;

	b->ids_each = ids;
	b->names_each = names;
	b->is_over = false;
	b->answers = b->found = b->n_samples = 0;
	timer_in(&b->end, (uint64_t)b->seconds * 1000);
	for (unsigned i = 0; i < askers; i++)
		ask(&b->askers[i]);
	(void)uv_run(&b->loop.uv, UV_RUN_DEFAULT);
	s = (double)(now_ns() - began) / 1e9;
	for (unsigned i = 0; i < askers; i++)
		arrival_find_clear(&b->askers[i].find);
	qsort(b->samples, b->n_samples, sizeof(b->samples[0]), by_size);
	if (!b->n_samples)
		exit(69);
	(void)printf("\"%s\":{\"ids_per_s\":%.0f,\"names_per_s\":%.0f,\"found_per_s\":%.0f,"
		     "\"p50_us\":%.1f,\"p99_us\":%.1f,\"batches\":%llu}",
		     name, (double)b->answers * ids / s, (double)b->answers * names / s,
		     (double)b->found / s, percentile_us(b, 50), percentile_us(b, 99), b->answers);
}

static void on_up(void *owner)
{
	struct bench *b = owner;

	uv_stop(&b->loop.uv);
}

static void on_down(void *owner, const struct outcome *why)
{
	(void)owner;
	(void)fprintf(stderr, "matchload: %s %s\n", why->what, why->said);
	exit(69);
}

static void measure(char *const args[])
{
	struct bench *b = mem_new(sizeof(*b));
	const struct pg_params p = { .conninfo = word(args, "url"),
				     .application = "matchload",
				     .is_by_index = true,
				     .owner = b,
				     .on_up = on_up,
				     .on_down = on_down };
	struct gather_ways ways = { 0 };

	b->outbounds = number(args, "outbounds");
	b->workspaces = number(args, "workspaces");
	b->seconds = number(args, "seconds");
	b->draw = 88172645463325252U;
	make_pool(b);
	for (unsigned i = 0; i < OUTSTANDING; i++)
		b->askers[i].b = b;
	loop_init(&b->loop, NULL, b);
	timer_open(&b->end, &b->loop, on_end);
	if (pg_open(&b->loop, &p, &b->pg) != 0)
		exit(69);
	ways.pg = b->pg;
	b->gather = gather_open(&b->loop, &ways);
	(void)uv_run(&b->loop.uv, UV_RUN_DEFAULT);
	(void)printf("{");
	run(b, "warm", OUTSTANDING, BATCH, 0);
	(void)printf(",");
	run(b, "many", OUTSTANDING, BATCH, 0);
	(void)printf(",");
	run(b, "ids", 1, BATCH, 0);
	(void)printf(",");
	run(b, "mails", 1, BATCH * IDS_OF_MAIL, BATCH * NAMES_OF_MAIL);
	(void)printf("}\n");
}

int main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "fill") == 0)
		fill(number(argv + 2, "outbounds"), number(argv + 2, "workspaces"));
	else if (argc > 1 && strcmp(argv[1], "ask") == 0)
		measure(argv + 2);
	else
		return 64;
	return 0; /* what is open ends with the process */
}
