# make demo       install what is missing, build, and show the main job on real servers (STAY=1 leaves it running)
# make test       everything: unit, house, database and scenario tests; last line N passed, N failed, N skipped
# make run        replyd for real work: private PostgreSQL in DATA=var/replyd unless DATABASE_URL is set
# make            the release binary, build/release/replyd
# make check      unit and house tests under the sanitizers, seconds
# make unit house lint db scenarios      one kind of test; TEST_ONLY=text for some of its programs
# make test-long  the long scenarios, and every fuzzer for FUZZ_SECONDS=60
# make fuzz       the fuzzers alone; FUZZ=name for one of them
# make bench-idle bench-storm bench-push bench-peer bench-e2e bench-tokens   what is measured (tests/load/README.md); INBOXES=500 for some
# make bench-match     look-ups against ten million outbounds: 20 GB of disk, a quarter of an hour; OUTBOUNDS=100000 for less
# make bench-delivery  commit to receiver, posts a second, dead and slow endpoints, a backlog of a million; BACKLOG=20000 for less
# make bench-classify  what one core reads of raw mail, and the memory of the worst ones; build/bench/classify.json
# make train      weigh the words of intents anew (tests/accuracy/training -> ingest/classify/rules/weights.tsv)
# make accuracy   how often mails are understood, over labelled ones in CORPORA=../shared/corpora; docs/accuracy.md
# make event-examples  docs/events/examples anew, from the events of the scenarios
# make coverage   lines reached per room, with the floors that hold
# make format     clang-format over the tree;  make tidy: clang-tidy (FILES="..." for some)
# make install-deps   the packages of deploy/packages.txt and the test-only Node parts
# make clean      forget build/ (data in var/ stays)
CC      ?= cc
MODE    ?= release
OUT     := build/$(MODE)
JOBS    ?= $(shell nproc)
DATA    ?= var/replyd

PKGS    := libuv openssl libpq libcurl jansson libmicrohttpd gmime-3.0 libxml-2.0 libcares libidn2
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wold-style-definition \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wnull-dereference \
	-Wimplicit-fallthrough -Wcast-qual -Wswitch-enum -Werror=attributes \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=return-type
# -fno-strict-aliasing: libuv's handle casts
HARD := -fstack-protector-strong -fno-strict-aliasing -fno-common -fno-omit-frame-pointer
FLAGS_debug    := -O1 -g3 -Werror -fsanitize=address,undefined -fno-sanitize-recover=all
# no -Werror for those who build later with a newer compiler; our own tests set STRICT
FLAGS_release  := -O2 -g -D_FORTIFY_SOURCE=2 -fPIE $(if $(STRICT),-Werror)
FLAGS_coverage := -O0 -g --coverage
FLAGS_fuzz     := -O1 -g3 -Werror -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINK_release   := -pie -Wl,-z,relro,-z,now
CPPFLAGS += -I. -D_GNU_SOURCE $(addprefix -isystem ,$(patsubst -I%,%,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null)))
CFLAGS   += -std=gnu17 $(WARN) $(HARD) $(FLAGS_$(MODE)) -MMD -MP
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

# What stands in a room belongs to it.
mains_srcs := services/main.c base/wipe.c
srcs := $(filter-out $(mains_srcs),$(sort $(foreach room,base db ingest oauth rotation services, \
	$(wildcard $(room)/*.c $(room)/*/*.c))))

objs  := $(patsubst %.c,$(OUT)/%.o,$(srcs))
# of the program only: main(), and free() in the place of libc's
mains := $(patsubst %.c,$(OUT)/%.o,$(mains_srcs))
lib   := $(OUT)/libreplyd.a
# and what tests of the sandbox run
tests := $(patsubst %.c,$(OUT)/%,$(wildcard tests/*/test_*.c tests/*/*/test_*.c)) \
	$(OUT)/tests/sandbox/imap_play
fuzzers := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
# what a test folder's files share: everything in it that is not itself a program
help_srcs := $(filter-out tests/sandbox/% $(wildcard tests/*/test_*.c tests/*/*/test_*.c tests/fuzz/fuzz_*.c), \
	$(wildcard tests/*/*.c tests/*/*/*.c))
help_objs := $(patsubst %.c,$(OUT)/%.o,$(help_srcs))
helplib   := $(OUT)/libtests.a
# the benches' programs: an IMAP server, its certificates, a database full of inboxes
load_srcs := $(addprefix tests/load/sim_,tally.c mail.c box.c imap.c net.c)
load_objs := $(patsubst %.c,$(OUT)/%.o,$(load_srcs))
loads     := $(addprefix $(OUT)/tests/load/,imapsim certchain rows tokensim grants matchload bench_classify)

all: $(OUT)/replyd
objects: $(objs) $(mains)
tests: $(tests)
fuzzers: $(fuzzers)
loads: $(loads)

# one short line per step; V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)' $@)

$(OUT)/%.o: %.c
	$(call say,cc)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
# the migrations and the files of the pages are part of the binary
$(OUT)/db/schema.o: $(wildcard db/schema/*.sql)
# and so are the tables of rules
$(OUT)/ingest/classify/classify_rules_text.o: $(wildcard ingest/classify/rules/*.tsv)
$(OUT)/ingest/mime/mime_subject.o: ingest/mime/subjects.tsv
$(OUT)/ingest/match/match_relation.o: ingest/match/free.tsv
$(OUT)/services/cli/complete.o: services/cli/complete.bash services/cli/complete.zsh
$(OUT)/services/api/asset.o: $(wildcard services/api/assets/*)
$(OUT)/services/api/document.o: docs/openapi.json $(wildcard docs/events/*)
$(OUT)/services/api/console.o: $(wildcard services/api/assets/console/*)
$(lib): $(objs)
	$(call say,ar)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(helplib): $(help_objs)
	$(call say,ar)
	@rm -f $@
	@mkdir -p $(@D)
	$(Q)ar rcs $@ $^
$(OUT)/replyd: $(mains) $(lib)
	$(call say,link)
	$(Q)$(CC) $(CFLAGS) $(LINK_$(MODE)) -o $@ $^ $(LDFLAGS) $(LDLIBS)
$(OUT)/tests/fuzz/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(lib)
	$(call say,link)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDFLAGS) $(LDLIBS)
$(OUT)/tests/fuzz/fuzz_imap_session: $(OUT)/tests/ingest/imap_tell.o
$(loads): $(OUT)/tests/load/%: $(OUT)/tests/load/%.o $(load_objs) $(lib)
	$(call say,link)
	$(Q)$(CC) $(CFLAGS) $(LINK_$(MODE)) -o $@ $^ $(LDFLAGS) $(LDLIBS)
$(OUT)/tests/%: $(OUT)/tests/%.o $(helplib) $(lib)
	$(call say,link)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(LDLIBS) -lcmocka
.PRECIOUS: $(OUT)/%.o

# What follows runs things.  A recipe that needs a package installs it first and then calls make
# again, since what pkg-config says is read when make starts.
node := tests/sandbox/node_modules/.bin/node
again := $(MAKE) --no-print-directory -j$(JOBS)
tests_run := CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' tests/run

demo:
	@deploy/install.sh build run sandbox
	@tests/sandbox/install.sh
	@echo "demo: building build/release/replyd"
	@$(again) MODE=release all
	@STAY='$(STAY)' $(node) tests/sandbox/demo.mjs

run:
	@deploy/install.sh build run
	@$(again) MODE=release all
	build/release/replyd up --data $(DATA) $(if $(CONFIG),--config $(CONFIG))

install-deps:
	@deploy/install.sh build run sandbox test
	@deploy/fetch.sh unpack build/packages
	@tests/sandbox/install.sh

# what every kind of test stands on
test-ready: install-deps
	@echo "test: building debug (gcc, sanitizers), release (gcc) and fuzz (clang, sanitizers)"
	@$(again) MODE=debug all tests
	@$(again) MODE=release STRICT=1 all
	@$(again) MODE=fuzz CC=clang objects fuzzers

test: test-ready
	@$(again) tests-now kinds='house lint unit db corpus sandbox scenarios'
test-long: test-ready
	@$(again) tests-now kinds='long fuzz'
check:
	@deploy/install.sh build test
	@$(again) MODE=debug objects tests
	@$(again) tests-now kinds='house unit'
unit house db lint scenarios:
	@deploy/install.sh build run sandbox test
	@$(if $(filter scenarios,$@),tests/sandbox/install.sh,true)
	@$(again) MODE=debug $(if $(filter house lint,$@),objects,all tests)
	@$(again) tests-now kinds='$@'
fuzz:
	@deploy/install.sh build test
	@$(again) MODE=fuzz CC=clang fuzzers
	@TEST_ONLY='$(FUZZ)' $(again) tests-now kinds=fuzz
# not for use by hand: pkg-config is asked anew, and the last line is the runner's
tests-now:
	@$(tests_run) $(kinds)

coverage:
	@$(MAKE) --no-print-directory install-deps
	@$(again) MODE=coverage all tests
	@# `replyd up` runs its roles as other users, who note what they reached in files of ours
	@find build/coverage -name '*.gcno' | sed 's/gcno$$/gcda/' | while read -r f; do : >$$f; chmod 666 $$f; done
	@r=0; MODE=coverage $(tests_run) unit db scenarios || r=1; tests/coverage.sh || r=1; exit $$r

# INBOXES=, SECONDS=, RATE= ... reach the bench through the environment
bench-idle bench-storm bench-push bench-peer bench-e2e bench-tokens bench-match bench-delivery:
	@deploy/install.sh build sandbox test
	@tests/sandbox/install.sh
	@$(again) MODE=release all loads
	@$(node) tests/load/$(subst bench-,,$@).mjs

bench-classify:
	@deploy/install.sh build
	@$(again) MODE=release all $(OUT:$(MODE)=release)/tests/load/bench_classify
	@mkdir -p build/bench
	@build/release/tests/load/bench_classify $(wildcard $(or $(CORPORA),../shared/corpora)/replyd-mail/mails/*.eml) >build/bench/classify.json
	@cat build/bench/classify.json

# needs no server; sets that are not there are skipped by name
accuracy:
	@deploy/install.sh build sandbox
	@tests/sandbox/install.sh
	@$(again) MODE=release all
	@$(node) tests/accuracy/accuracy.mjs

# from real runs, some minutes; what no scenario brings about keeps the example it has
event-examples:
	@deploy/install.sh build sandbox test
	@tests/sandbox/install.sh
	@$(again) MODE=release all
	@$(node) tests/sandbox/examples.mjs

# deterministic: the same sentences and phrases give the same weights
train:
	@tests/sandbox/install.sh
	@$(node) tests/accuracy/train.mjs

format:
	find base db ingest oauth rotation services tests -name node_modules -prune -o -name '*.[ch]' -print | xargs clang-format -i
tidy:
	@CPPFLAGS='$(CPPFLAGS)' tests/house/lint/tidy.sh $(FILES)
clean:
	rm -rf build
help:
	@sed -n '/^# make/!q; s/^# //p' Makefile

.PHONY: all objects tests fuzzers loads demo run install-deps test-ready test test-long check unit house db lint \
	scenarios fuzz tests-now bench-idle bench-storm bench-push bench-peer bench-e2e bench-tokens bench-match bench-delivery bench-classify accuracy event-examples train coverage format tidy clean help
-include $(objs:.o=.d) $(help_objs:.o=.d) $(load_objs:.o=.d) $(addsuffix .d,$(loads)) $(mains:.o=.d) $(addsuffix .d,$(tests)) $(addsuffix .d,$(fuzzers))
