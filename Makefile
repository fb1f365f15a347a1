# make demo       install what is missing, build, and show the main job on real servers
# make test       everything: unit, house, database and scenario tests; last line N passed, N failed, N skipped
# make run        replyd for real work (private PostgreSQL unless DATABASE_URL is set)
# make            the release binary, build/release/replyd
# make check      unit and house tests under the sanitizers, seconds
# make help       the rest
CC      ?= cc
MODE    ?= release
OUT     := build/$(MODE)

PKGS    := libuv openssl libpq libcurl jansson libmicrohttpd gmime-3.0
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wold-style-definition \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wnull-dereference \
	-Wimplicit-fallthrough -Wcast-qual -Wswitch-enum -Werror=attributes \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=return-type
# -fno-strict-aliasing: libuv's handle casts
HARD := -fstack-protector-strong -fno-strict-aliasing -fno-common -fno-omit-frame-pointer
FLAGS_debug    := -O1 -g3 -Werror -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_release  := -O2 -g -D_FORTIFY_SOURCE=2 -fPIE
FLAGS_coverage := -O0 -g --coverage
FLAGS_fuzz     := -O1 -g3 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINK_release   := -pie -Wl,-z,relro,-z,now
CPPFLAGS += -I. -D_GNU_SOURCE $(addprefix -isystem ,$(patsubst -I%,%,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null)))
CFLAGS   += -std=gnu17 $(WARN) $(HARD) $(FLAGS_$(MODE)) -MMD -MP
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null)

# One explicit list per room.
base_srcs     := base/mem.c base/buf.c base/text.c base/outcome.c base/secret.c base/clock.c base/rand.c base/log.c base/backoff.c base/sign.c base/seal.c base/netaddr.c
io_srcs       := base/tls.c base/io/loop.c base/io/timer.c
db_srcs       := db/event_id.c
imap_srcs     := ingest/imap/imap_line.c
mime_srcs     := ingest/mime/mime_lib.c ingest/mime/mime_utf8.c ingest/mime/mime_fold.c ingest/mime/mime_id.c ingest/mime/mime_fields.c ingest/mime/mime_head.c ingest/mime/mime_part.c ingest/mime/mime_entity.c ingest/mime/mime_html.c ingest/mime/mime_dsn.c ingest/mime/mime_pick.c ingest/mime/mime_identity.c
match_srcs    := ingest/match/match_ids.c ingest/match/match_pick.c
classify_srcs :=
ingest_srcs   :=
oauth_srcs    :=
rotation_srcs :=
services_srcs :=
srcs := $(base_srcs) $(io_srcs) $(db_srcs) $(imap_srcs) $(mime_srcs) $(match_srcs) \
	$(classify_srcs) $(ingest_srcs) $(oauth_srcs) $(rotation_srcs) $(services_srcs)

objs  := $(patsubst %.c,$(OUT)/%.o,$(srcs))
lib   := $(OUT)/libreplyd.a
tests := $(patsubst %.c,$(OUT)/%,$(wildcard tests/*/test_*.c))

all: $(OUT)/replyd

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(lib): $(objs)
	@rm -f $@
	ar rcs $@ $^
$(OUT)/replyd: $(OUT)/services/main.o $(lib)
	$(CC) $(CFLAGS) $(LINK_$(MODE)) -o $@ $^ $(LDFLAGS) $(LDLIBS)
$(OUT)/tests/%: $(OUT)/tests/%.o $(lib)
	$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(LDLIBS) -lcmocka
.PRECIOUS: $(OUT)/%.o

house: $(objs)
	tests/house/floors.sh
	tests/house/symbols.sh $(objs)
	tests/house/headers.sh
	tests/house/banned.sh

.PHONY: all house
-include $(objs:.o=.d) $(OUT)/services/main.d $(addsuffix .d,$(tests))
