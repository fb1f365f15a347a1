# make demo       install what is missing, build, and show the main job on real servers (STAY=1 leaves it running)
# make test       everything: unit, house, database and scenario tests; last line N passed, N failed, N skipped
# make run        replyd for real work: private PostgreSQL in DATA=var/replyd unless DATABASE_URL is set
# make            the release binary, build/release/replyd
# make check      unit and house tests under the sanitizers, seconds
# make unit house lint db scenarios      one kind of test; TEST_ONLY=text for some of its programs
# make test-long  the long scenarios, and every fuzzer for FUZZ_SECONDS=60
# make fuzz       the fuzzers alone; FUZZ=name for one of them
# make bench-idle bench-storm bench-push bench-peer   what is measured (tests/load/README.md); INBOXES=500 for some
# make accuracy   how often mails are understood, over labelled ones in CORPORA=../shared/corpora; docs/accuracy.md
# make coverage   lines reached per room, with the floors that hold
# make format     clang-format over the tree;  make tidy: clang-tidy (FILES="..." for some)
# make install-deps   the packages of deploy/packages.txt and the test-only Node parts
# make clean      forget build/ (data in var/ stays)
CC      ?= cc
MODE    ?= release
OUT     := build/$(MODE)
JOBS    ?= $(shell nproc)
DATA    ?= var/replyd

PKGS    := libuv openssl libpq libcurl jansson libmicrohttpd gmime-3.0 libcares
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
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null)

# One explicit list per room.
base_srcs     := base/mem.c base/buf.c base/text.c base/outcome.c base/secret.c base/clock.c base/rand.c base/log.c base/backoff.c base/sign.c base/seal.c base/vault.c base/netaddr.c base/hostname.c base/dns_answer.c base/json.c base/conf.c base/conf_line.c base/conf_name.c base/conf_value.c base/conf_print.c base/cred.c base/map.c base/keyed.c
io_srcs       := base/tls.c base/tls_trust.c base/tls_ticket.c base/tls_mem.c base/tls_stand.c base/io/loop.c base/io/timer.c base/io/conn.c base/io/conn_dial.c base/io/http_server.c base/io/http_call.c base/io/http_client.c base/io/proc.c base/io/dns.c
db_srcs       := db/event_id.c db/inbox_grant.c db/grant_forecast.c db/token.c db/connect_link.c db/conninfo.c db/schema.c db/session.c db/migrate.c db/pg.c db/pg_tx.c db/pg_row.c db/pg_wire.c db/pg_pipe.c db/pg_dial.c db/pg_error.c db/pg_host.c db/delivery.c db/view.c db/api_key.c db/gate.c db/lease.c db/fleet.c db/folder.c db/gap.c db/timeline.c db/probe.c db/arrival.c db/endpoint.c db/outbound.c db/metrics.c db/upkeep.c
db_srcs       += db/handout.c db/broker_tally.c
base_srcs     += base/json_text.c
db_srcs       += db/folder_row.c
io_srcs       += base/io/curl_loop.c base/io/mail_probe.c
db_srcs       += db/folder_load.c db/folder_state.c db/gather.c db/arrival_group.c db/pg_json.c db/recheck.c db/attempt.c db/sent.c
imap_srcs     := $(addprefix ingest/imap/imap_,line.c lex.c date.c utf7.c caps.c folder.c verdict.c fetch.c parse.c body.c text.c login.c entrance.c command.c answer.c queue.c proof.c course.c session.c)
mime_srcs     := ingest/mime/mime_lib.c ingest/mime/mime_utf8.c ingest/mime/mime_fold.c ingest/mime/mime_id.c ingest/mime/mime_fields.c ingest/mime/mime_head.c ingest/mime/mime_part.c ingest/mime/mime_entity.c ingest/mime/mime_html.c ingest/mime/mime_dsn.c ingest/mime/mime_pick.c ingest/mime/mime_identity.c ingest/mime/mime_mail.c
match_srcs    := ingest/match/match_ids.c ingest/match/match_pick.c
classify_srcs := ingest/classify/classify.c ingest/classify/classify_auto.c ingest/classify/classify_bounce.c ingest/classify/classify_date.c ingest/classify/classify_day.c ingest/classify/classify_phrase.c ingest/classify/classify_quote.c ingest/classify/classify_quote_words.c ingest/classify/classify_reason.c ingest/classify/classify_rules.c ingest/classify/classify_snippet.c ingest/classify/classify_verdict.c
provider_srcs := $(addprefix ingest/provider/,provider.c provider_rows.c provider_table.c discover.c) ingest/discovery.c
# one line per part of the room
ingest_srcs   := ingest/sweep.c ingest/watch_sweep.c ingest/watch_poison.c ingest/watch_heard.c ingest/watch_folder.c ingest/watch_plan.c ingest/watch_facts.c ingest/watch_again.c ingest/watch_fetch.c ingest/watch.c ingest/backlog.c ingest/ledger_rows.c ingest/ledger.c ingest/recall.c ingest/vigil_note.c ingest/vigil_batch.c ingest/vigil.c
ingest_srcs   += ingest/ladder.c ingest/event_json.c ingest/reading.c ingest/reading_json.c ingest/intake_mail.c ingest/intake_verdict.c ingest/intake_own.c ingest/intake_set.c ingest/intake_ask.c ingest/intake.c
ingest_srcs   += ingest/plight.c ingest/rawlog.c ingest/dialogue.c ingest/veil.c ingest/line.c ingest/standing.c ingest/pass.c ingest/chronicle.c ingest/renewal.c ingest/farewell.c ingest/entry.c ingest/mailbox_life.c ingest/mailbox_watch.c ingest/mailbox.c
ingest_srcs   += ingest/liveness.c ingest/worker_seat.c ingest/worker_beat.c ingest/worker_walk.c ingest/worker_recheck.c ingest/worker_trim.c ingest/worker_proof.c ingest/worker_manual.c ingest/worker_probe.c ingest/pace.c ingest/worker_lane.c ingest/worker_move.c ingest/worker_notes.c ingest/worker.c
oauth_srcs    := $(addprefix oauth/,connect.c preset.c grant.c policy.c breaker.c broker_env.c refresh_job.c connect_job.c broker.c token_desk.c)
oauth_srcs    += $(addprefix oauth/,link_token.c reconnect.c forecast.c forecast_duty.c handout_desk.c books.c)
# one right for a whole domain
db_srcs       += db/domain_grant.c db/domain_mailbox.c db/domain_admin.c
oauth_srcs    += $(addprefix oauth/,domain.c domain_ask.c domain_job.c mailbox_job.c)
oauth_srcs    += oauth/reach.c oauth/reach_job.c
db_srcs       += db/reach.c
rotation_srcs := rotation/verdict.c
services_srcs := services/settings.c services/settings_provider.c services/settings_preset.c services/suggest.c services/role.c services/broker/broker_role.c services/dispatch/retry.c services/dispatch/appender.c services/dispatch/poster.c services/dispatch/dispatch_role.c services/rotation/blind_duty.c services/rotation/rotation_role.c services/up/account.c services/up/child.c services/up/cluster.c services/up/credentials.c services/up/crew_size.c services/up/database.c services/up/keyring.c services/up/up.c services/api/api_role.c services/api/answer.c services/api/route.c services/api/problem.c services/api/health.c services/api/insight.c services/api/resource.c services/api/saying.c services/api/enroll.c services/api/field.c services/api/html.c services/api/link.c services/api/lookup.c services/api/page.c services/api/client.c services/cli/admin.c services/cli/command.c services/cli/command_inbox.c services/cli/inbox_discover.c services/cli/options.c services/cli/worker_command.c services/ingest/token_adapter.c services/ingest/ingest_role.c
services_srcs += services/cli/classify_command.c
services_srcs += services/domain_offer.c services/api/domain_call.c services/cli/domain_command.c services/cli/domain_import.c services/cli/address_list.c
base_srcs     += base/csv.c
services_srcs += $(addprefix services/words/,words.c page_words.c problem_words.c problem_words_link.c problem_words_mail.c problem_words_domain.c howto.c)
services_srcs += services/api/access_token.c
# master keys
services_srcs += services/key_hook.c services/keyholder.c services/resealer.c services/cli/key_command.c
db_srcs       += db/master_key.c db/reseal.c
services_srcs += $(addprefix services/api/,asset.c page_guard.c page_form.c page_view.c page_tell.c page_start.c page_password.c page_result.c)
srcs := $(base_srcs) $(io_srcs) $(db_srcs) $(imap_srcs) $(mime_srcs) $(match_srcs) \
	$(classify_srcs) $(provider_srcs) $(ingest_srcs) $(oauth_srcs) $(rotation_srcs) $(services_srcs)

objs  := $(patsubst %.c,$(OUT)/%.o,$(srcs))
# of the program only: main(), and free() in the place of libc's
mains := $(OUT)/services/main.o $(OUT)/base/wipe.o
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
loads     := $(addprefix $(OUT)/tests/load/,imapsim certchain rows)

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
$(OUT)/services/api/asset.o: $(wildcard services/api/assets/*)
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
bench-idle bench-storm bench-push bench-peer:
	@deploy/install.sh build sandbox test
	@tests/sandbox/install.sh
	@$(again) MODE=release all loads
	@$(node) tests/load/$(subst bench-,,$@).mjs

# needs no server; sets that are not there are skipped by name
accuracy:
	@deploy/install.sh build sandbox
	@tests/sandbox/install.sh
	@$(again) MODE=release all
	@$(node) tests/accuracy/accuracy.mjs

format:
	find base db ingest oauth rotation services tests -name node_modules -prune -o -name '*.[ch]' -print | xargs clang-format -i
tidy:
	@CPPFLAGS='$(CPPFLAGS)' tests/house/lint/tidy.sh $(FILES)
clean:
	rm -rf build
help:
	@sed -n '/^# make/!q; s/^# //p' Makefile

.PHONY: all objects tests fuzzers loads demo run install-deps test-ready test test-long check unit house db lint \
	scenarios fuzz tests-now bench-idle bench-storm bench-push bench-peer accuracy coverage format tidy clean help
-include $(objs:.o=.d) $(help_objs:.o=.d) $(load_objs:.o=.d) $(addsuffix .d,$(loads)) $(mains:.o=.d) $(addsuffix .d,$(tests)) $(addsuffix .d,$(fuzzers))
