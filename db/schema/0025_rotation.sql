-- Who may send, to whom, now: pools and their inboxes, what each may send, and what was promised to whom.
-- works-with: 23
--
-- Lock order, everywhere: lease, prospect gates (sorted by key), prospect_send, company gate, slots, group counters (sorted),
-- inbox counter.  One inbox counter per transaction.  A company gate comes behind those of its people, since who closes one
-- learns the company from the person; it is locked at the end, when all people's gates are held.
--
-- What is counted lives in one narrow row per inbox (send_quota) without an index on anything that changes, so that
-- each mail updates it in place.

-- ---- what an inbox may send ----

create table send_policy (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	cap_day      int not null default 30 check (cap_day between 0 and 2000),
	cap_new_share real not null default 0.6 check (cap_new_share between 0 and 1),
	gap_s        int not null default 300 check (gap_s between 0 and 86400),
	ramp         text not null default 'standard' check (ramp in ('cold', 'standard', 'geometric', 'established')),
	time_zone    text not null default 'UTC',
	-- Local hours per weekday (1 is Monday), minutes from midnight; a day that is not named sends nothing.
	windows      jsonb not null default '[{"days": [1, 2, 3, 4, 5], "from": 480, "to": 1080}]'
		check (jsonb_typeof(windows) = 'array'),
	sends        text not null default 'all' check (sends in ('all', 'follow_ups', 'none')),
	ceiling_24h  int check (ceiling_24h > 0),       -- the provider's; null: what is known of it
	tenant       text not null default '',          -- the provider's customer; '': nothing is counted for it
	tags         text[] not null default '{}',
	updated_at   timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index send_policy_tags on send_policy using gin (tags); -- a pool may name tags

-- Today's counters.  A row exists from the first day that was opened for the inbox (quota_open).
create table send_quota (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	time_zone    text not null default 'UTC',       -- of this day
	day_starts_at timestamptz not null,
	day_ends_at  timestamptz not null,
	opens_at     timestamptz not null,              -- today's window; equal: there is none
	closes_at    timestamptz not null,
	cap          int not null check (cap >= 0),
	cap_new      int not null check (cap_new >= 0),
	bound        text not null default 'policy',    -- which limit gave the cap
	gap          interval not null,                 -- the policy's, stretched by the band
	used         int not null default 0 check (used >= 0),
	used_new     int not null default 0 check (used_new >= 0),
	-- Mails per hour, newest first: ours, and those that others sent from the mailbox.
	hour         bigint not null default 0,         -- of the first, hours since 1970
	roll         int[] not null default array_fill(0, array[25]) check (array_length(roll, 1) = 25),
	external     int[] not null default array_fill(0, array[25]) check (array_length(external, 1) = 25),
	ceiling_24h  int,
	next_allowed_at timestamptz not null default '-infinity',
	picked_at    timestamptz not null default '-infinity',
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox,
	check (day_starts_at < day_ends_at and opens_at <= closes_at and used_new <= used)
) with (fillfactor = 40);

-- How an inbox stands: its band, what its provider said, how far its ramp is.  The rules are rotation/health, band, guard and ramp;
-- what they keep between two looks is here.
create table send_standing (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	band         text not null default 'healthy' check (band in ('healthy', 'watch', 'throttled', 'quarantined')),
	band_since   timestamptz not null default now(),
	fit_since    timestamptz,                        -- the score has been good enough to rise since
	band_until   timestamptz,                        -- a guard's order ends here
	score        real not null default 100 check (score between 0 and 100),
	confidence   real not null default 0 check (confidence between 0 and 1),
	factors      jsonb not null default '[]',        -- [{signal, rate, factor}], heaviest first: why the score is what it is
	tallies      jsonb not null default '{}',        -- {signal: [weight, as of]}
	ramp_index   int not null default 0 check (ramp_index between 0 and 400),
	limited_until timestamptz,
	suspended    text not null default '',           -- what the provider said; '': it is not
	limit_hits   timestamptz[] not null default '{}',
	updated_at   timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);

-- What several inboxes share: a sending domain, a customer of a provider.  A row where a ceiling is set.
create table send_group (
	workspace_id uuid not null references workspace,
	kind         text not null check (kind in ('domain', 'tenant')),
	name         text not null,
	ceiling_24h  int not null check (ceiling_24h >= 0),
	hour         bigint not null default 0,
	roll         int[] not null default array_fill(0, array[25]) check (array_length(roll, 1) = 25),
	primary key (workspace_id, kind, name)
) with (fillfactor = 40);

-- ---- pools ----

create table pool (
	workspace_id uuid not null references workspace,
	pool_id      uuid not null,
	name         text not null check (name <> '' and length(name) <= 100),
	provider_match text not null default 'off' check (provider_match in ('off', 'prefer', 'strict')),
	rebind       text not null default 'hold' check (rebind in ('hold', 'rebind_new_thread', 'stop')),
	rebind_grace_s int not null default 259200 check (rebind_grace_s >= 0),
	contact_gap_s int not null default 72000 check (contact_gap_s >= 0), -- between two mails to a person, whatever the sequence
	company_cap_day int check (company_cap_day > 0),                     -- mails to one company in a day
	company_stop boolean not null default false,                         -- who answers answers for his company
	created_at   timestamptz not null default now(),
	primary key (workspace_id, pool_id),
	unique (workspace_id, name)
);

create table pool_member (
	workspace_id uuid not null,
	pool_id      uuid not null,
	inbox_id     uuid not null,
	tier         text not null default 'primary' check (tier in ('primary', 'reserve')),
	weight       real not null default 1 check (weight > 0 and weight <= 100),
	primary key (workspace_id, pool_id, inbox_id),
	foreign key (workspace_id, pool_id) references pool on delete cascade,
	foreign key (workspace_id, inbox_id) references inbox
);
create index pool_member_inbox on pool_member (workspace_id, inbox_id); -- which pools an inbox serves

-- ---- promises ----

-- A company's gate, where a pool wants one.  Its day is UTC's: the company has no time zone that we know.
create table company_gate (
	workspace_id uuid not null references workspace,
	domain       text not null,
	level        smallint not null default 0 check (level between 0 and 6),
	reason       text not null default '',
	prospect_key text,                               -- who closed it
	closed_at    timestamptz,
	day          date not null default 'epoch',
	used         int not null default 0,
	primary key (workspace_id, domain)
);

-- Whose thread a prospect's sequence is in.
create table conversation (
	workspace_id uuid not null references workspace,
	sequence     text not null,
	prospect_key text not null,
	inbox_id     uuid not null,
	first_message_id text not null default '',
	last_message_id text not null default '',
	rebinds      int not null default 0,
	created_at   timestamptz not null default now(),
	primary key (workspace_id, sequence, prospect_key)
) partition by hash (workspace_id);

-- One promise at a time per person, and when he was mailed last.
create table prospect_send (
	workspace_id uuid not null references workspace,
	prospect_key text not null,
	slot_id      uuid,                               -- held, sending or unknown
	slot_created_at timestamptz,
	last_sent_at timestamptz not null default '-infinity',
	primary key (workspace_id, prospect_key),
	check ((slot_id is null) = (slot_created_at is null))
) partition by hash (workspace_id);

-- held -> sending -> sent | failed | unknown; unknown -> sent | failed; held -> released | expired | cancelled | revoked.
-- Charged: held, sending, sent, unknown.  What was certainly not sent is given back once (settled_at, refunded_at).
create table slot (
	workspace_id uuid not null,
	slot_id      uuid not null,
	created_at   timestamptz not null,
	state        text not null default 'held' check (state in
		('held', 'sending', 'sent', 'failed', 'unknown', 'released', 'expired', 'cancelled', 'revoked')),
	fence        int not null default 1 check (fence > 0),
	inbox_id     uuid not null,
	pool_id      uuid,
	prospect_key text not null,
	prospect_address text not null,
	company      text,
	sequence     text not null,
	step         text not null,
	kind         text not null check (kind in ('first', 'follow_up', 'manual')),
	message_id   text not null,                      -- given before it is sent, so that Sent can tell what became of it
	send_at      timestamptz not null,
	expires_at   timestamptz not null,
	day_ends_at  timestamptz not null,               -- of the day that was charged
	charged_hour bigint not null,
	groups       text[] not null default '{}',       -- charged beside the inbox: 'domain:x', 'tenant:y'
	begun_at     timestamptz,
	settled_at   timestamptz,
	refunded_at  timestamptz,
	reason       text not null default '',           -- of how it ended
	raced        boolean not null default false,     -- the stop came while it was on its way
	-- What registers the mail once it is out (an item of outbound_register()), from begin on: a sender that falls silent is
	-- made up for from here.
	outbound     jsonb,
	primary key (workspace_id, slot_id, created_at)
) partition by range (created_at);
create table slot_default partition of slot default;
-- For the sweeper: what runs out, what was never told about, what is owed back.
create index slot_held on slot (expires_at) where state = 'held';
create index slot_sending on slot (begun_at) where state in ('sending', 'unknown');
create index slot_owed on slot (settled_at) where refunded_at is null and state in ('released', 'expired', 'cancelled', 'revoked', 'failed');
-- An inbox that goes blind, or whose cap falls, takes its promises back, newest first.
create index slot_inbox on slot (workspace_id, inbox_id, created_at) where state in ('held', 'sending', 'unknown');

-- Which inboxes have shown copies of what was sent through them.
create index slot_sent on slot (workspace_id, inbox_id, settled_at) where state = 'sent';

-- The same question gives the same slot.
create table slot_key (
	workspace_id uuid not null,
	idempotency_key text not null,
	fingerprint  bytea not null,                     -- of what was asked
	slot_id      uuid not null,
	slot_created_at timestamptz not null,
	primary key (workspace_id, idempotency_key)
) partition by hash (workspace_id);

do $$
declare parent text; n int;
begin
	foreach parent in array array['conversation', 'prospect_send', 'slot_key'] loop
		for n in 0..7 loop
			execute format('create table %I partition of %I for values with (modulus 8, remainder %s)',
				parent || '_' || n, parent, n);
			call shut((parent || '_' || n)::regclass);
		end loop;
	end loop;
end $$;
call shut('slot_default');

call walled('send_policy');
call walled('send_quota');
call walled('send_standing');
call walled('send_group');
call walled('pool');
call walled('pool_member');
call walled('company_gate');
call walled('conversation');
call walled('prospect_send');
call walled('slot');
call walled('slot_key');
call opened_to('send_policy', 'replyd_rotation', 'days are opened for all inboxes');
call opened_to('send_quota', 'replyd_rotation', 'days are opened for all inboxes');
call opened_to('send_standing', 'replyd_rotation', 'the health of all inboxes');
call opened_to('send_group', 'replyd_rotation', 'refunds of all workspaces');
call opened_to('pool', 'replyd_rotation', 'capacity of all workspaces');
call opened_to('pool_member', 'replyd_rotation', 'capacity of all workspaces');
call opened_to('slot', 'replyd_rotation', 'what runs out is swept in all workspaces');
call opened_to('prospect_send', 'replyd_rotation', 'what runs out is swept in all workspaces');
call named_by('slot', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('prospect_send', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('company_gate', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');

grant select, insert, update, delete on send_policy, send_group, pool, pool_member to replyd_api;
grant select, insert, update on send_quota, company_gate, conversation, prospect_send, slot, slot_key to replyd_api;
grant select on send_policy, pool, pool_member to replyd_rotation;
grant select (inbox_id, state, since) on inbox_state to replyd_rotation;
grant select (inbox_id, role, gated_through) on folder to replyd_rotation; -- what inbox_seen is made of
grant select, insert, update on send_quota, send_standing to replyd_rotation;
grant select, insert, update (ramp_index, updated_at) on send_standing to replyd_api;
grant select, update on send_group, slot, prospect_send to replyd_rotation;
grant select, update on slot, prospect_send, company_gate to replyd_ingest;

-- ---- months ahead ----

-- As before (0023), and for slots.
create or replace procedure partitions_ensure(months int) language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	parent text; instant text; m int; first date; name text; lower text; upper text;
begin
	foreach parent in array array['outbound', 'message', 'event', 'feed', 'attempt', 'timeline', 'slot'] loop
		instant := case parent when 'attempt' then 'started_at' when 'timeline' then 'noted_at' when 'feed' then 'event_created_at'
			else 'created_at' end;
		for m in 0..months loop
			first := date_trunc('month', now() at time zone 'UTC')::date + make_interval(months => m);
			name := parent || '_' || to_char(first, 'YYYY_MM');
			lower := to_char(first, 'YYYY-MM-DD') || ' 00:00+00';
			upper := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00+00';
			-- By its full name: a temporary table of the caller's must not pass for it.
			if to_regclass('replyd.' || name) is null then
				-- Made apart and attached, which stops nobody who reads or writes another month.
				execute format('create table %I (like %I including all)', name, parent);
				execute format('alter table %I no force row level security', parent || '_default');
				execute format('with moved as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from moved',
					parent || '_default', instant, lower, instant, upper, name);
				execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, name, lower, upper);
				call shut(name::regclass);
				call shut((parent || '_default')::regclass);
			end if;
		end loop;
	end loop;
end $$;
call partitions_ensure(3);

-- ---- counting over any 24 hours ----

create function hour_of(at timestamptz) returns bigint language sql immutable parallel safe
	return floor(extract(epoch from at) / 3600)::bigint;

-- The buckets as of another hour: what is older than a day falls out.  Nothing of nothing: who has no counter yet has no row.
create function roll_at(roll int[], hour bigint, now_hour bigint) returns int[] language sql immutable parallel safe
	return case when roll is null or hour is null or now_hour is null then null when now_hour <= hour then roll
		when now_hour - hour >= 25 then array_fill(0, array[25])
		else array_fill(0, array[(now_hour - hour)::int]) || roll[1:25 - (now_hour - hour)::int] end;

-- All 25: the day is never shorter than 24 hours, up to an hour longer.
create function roll_sum(roll int[]) returns int language sql immutable parallel safe
	return (select coalesce(sum(n), 0)::int from unnest(roll) n);

-- The bucket of an hour, changed; an hour that is no longer there changes nothing, and none goes below 0.
create function roll_add(roll int[], hour bigint, at_hour bigint, n int) returns int[] language sql immutable parallel safe
	return case when at_hour > hour or hour - at_hour >= 25 then roll
		else roll[1:(hour - at_hour)::int] || greatest(roll[(hour - at_hour)::int + 1] + n, 0)
			|| roll[(hour - at_hour)::int + 2:25] end;

-- When the oldest mails that count fall out.
create function roll_lifts(roll int[], hour bigint) returns timestamptz language sql immutable parallel safe
	return (select to_timestamp((hour - max(k.at) + 26) * 3600) from generate_subscripts(roll, 1) k (at) where roll[k.at] > 0);

grant execute on function hour_of(timestamptz), roll_at(int[], bigint, bigint), roll_sum(int[]), roll_add(int[], bigint, bigint, int),
	roll_lifts(int[], bigint) to replyd_api, replyd_rotation, replyd_ingest;

-- ---- the day of an inbox ----

-- Today there, as instants: a day of 23 or 25 hours needs no special case, and a window that the change swallows is none.
-- Of several windows: the one that is open or opens next, else the last.
create function local_day(zone text, windows jsonb, at timestamptz, out starts_at timestamptz, out ends_at timestamptz,
		out opens_at timestamptz, out closes_at timestamptz)
	language plpgsql stable parallel safe as $$
declare
	today date := (at at time zone zone)::date;
begin
	starts_at := today::timestamp at time zone zone;
	ends_at := (today + 1)::timestamp at time zone zone;
	select f.opens, f.closes into opens_at, closes_at
		from jsonb_array_elements(windows) w, lateral (
			select (today + make_interval(mins => (w ->> 'from')::int)) at time zone zone,
				(today + make_interval(mins => (w ->> 'to')::int)) at time zone zone) f (opens, closes)
		where w -> 'days' @> to_jsonb(extract(isodow from today)::int) and f.opens < f.closes
		order by f.closes <= at, case when f.closes <= at then at - f.closes else f.closes - at end limit 1;
	if opens_at is null then
		opens_at := starts_at; closes_at := starts_at;
	end if;
end $$;
grant execute on function local_day(text, jsonb, timestamptz) to replyd_api, replyd_rotation;

-- ---- a stop takes the promise back ----

-- In the transaction that closes the gate.  What is on its way already is told as raced: nobody can stop it.  The refund
-- follows in the sweeper: this transaction holds gates of many people, and may wait for no inbox's counter.
create function slot_stop() returns trigger language plpgsql as $$
begin
	with s as (
		update prospect_send p set slot_id = null, slot_created_at = null
		from slot t
		where p.workspace_id = new.workspace_id and p.prospect_key = new.prospect_key
			and t.workspace_id = p.workspace_id and t.slot_id = p.slot_id and t.created_at = p.slot_created_at
			and t.state = 'held'
		returning t.slot_id, t.created_at
	)
	update slot t set state = 'cancelled', settled_at = clock_timestamp(), reason = new.reason
	from s where t.workspace_id = new.workspace_id and t.slot_id = s.slot_id and t.created_at = s.created_at and t.state = 'held';
	if new.level >= 3 then
		update slot t set raced = true
		from prospect_send p
		where p.workspace_id = new.workspace_id and p.prospect_key = new.prospect_key
			and t.workspace_id = p.workspace_id and t.slot_id = p.slot_id and t.created_at = p.slot_created_at
			and t.state in ('sending', 'unknown') and not t.raced;
	end if;
	return null;
end $$;
grant execute on function slot_stop() to replyd_ingest, replyd_api;
create trigger slot_stop after insert or update of level on gate
	for each row when (new.level >= 2) execute function slot_stop();

-- ---- the day of an inbox is opened ----

-- What rotation/ramp and rotation/band need to say what an inbox may send today, and the instants of today there.  `is_open`: the
-- row of send_quota is of today, and of the window that is open or opens next.
--
-- A day that has begun ends when it was to end, whatever the policy says meanwhile.  The next one is of the policy's time zone; where its
-- date began before the old day ended, since the zone was changed, it lasts to the end of the date behind it: nobody gets two caps
-- within one date.
create function quota_facts(the_inbox uuid, at timestamptz, out zone text, out starts_at timestamptz, out ends_at timestamptz,
		out opens_at timestamptz, out closes_at timestamptz, out is_open boolean, out p send_policy, out q send_quota,
		out s send_standing)
	language plpgsql stable as $$
declare
	ws uuid := workspace_now(); d record;
begin
	select * into p from send_policy y where y.workspace_id = ws and y.inbox_id = the_inbox;
	if not found then
		p.cap_day := 30; p.cap_new_share := 0.6; p.gap_s := 300; p.ramp := 'standard'; p.time_zone := 'UTC'; p.sends := 'all';
		p.windows := '[{"days": [1, 2, 3, 4, 5], "from": 480, "to": 1080}]'; p.tenant := '';
	end if;
	select * into q from send_quota y where y.workspace_id = ws and y.inbox_id = the_inbox;
	select * into s from send_standing y where y.workspace_id = ws and y.inbox_id = the_inbox;
	zone := case when q.day_ends_at > at then q.time_zone else p.time_zone end;
	select * into d from local_day(zone, p.windows, at) l;
	if q.day_ends_at > at then
		starts_at := q.day_starts_at; ends_at := q.day_ends_at;
	elsif d.starts_at < q.day_ends_at then
		starts_at := q.day_ends_at; ends_at := (select l.ends_at from local_day(zone, p.windows, d.ends_at) l);
	else
		starts_at := d.starts_at; ends_at := d.ends_at;
	end if;
	opens_at := greatest(d.opens_at, starts_at); closes_at := greatest(least(d.closes_at, ends_at), opens_at);
	is_open := coalesce(q.day_ends_at > at and q.opens_at = opens_at and q.closes_at = closes_at, false);
end $$;
grant execute on function quota_facts(uuid, timestamptz) to replyd_api, replyd_rotation;

-- Open the day that quota_facts() told of, with the caps that came of it; false: somebody else has.  A window of the same day changes
-- the window alone.  `was`: day_ends_at of the row that was seen; null: there was none.
create function quota_open(the_inbox uuid, was timestamptz, the_zone text, starts timestamptz, ends timestamptz, opens timestamptz,
		closes timestamptz, the_cap int, the_new int, the_bound text, the_gap interval, ceiling int, the_index int)
	returns boolean language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	insert into send_quota (workspace_id, inbox_id, time_zone, day_starts_at, day_ends_at, opens_at, closes_at, cap, cap_new, bound, gap,
			ceiling_24h)
		select ws, the_inbox, the_zone, starts, ends, opens, closes, the_cap, the_new, the_bound, the_gap, ceiling where was is null
		on conflict do nothing;
	if not found then
		update send_quota q set opens_at = opens, closes_at = closes
			where q.workspace_id = ws and q.inbox_id = the_inbox and q.day_ends_at = ends and q.day_ends_at = was;
		if found then
			return true;
		end if;
		update send_quota q set time_zone = the_zone, day_starts_at = starts, day_ends_at = ends, opens_at = opens, closes_at = closes,
				cap = the_cap, cap_new = the_new, bound = the_bound, gap = the_gap, ceiling_24h = ceiling, used = 0, used_new = 0
			where q.workspace_id = ws and q.inbox_id = the_inbox and q.day_ends_at = was and ends > was;
		if not found then
			return false;
		end if;
	end if;
	insert into send_standing (workspace_id, inbox_id, ramp_index) values (ws, the_inbox, the_index)
		on conflict (workspace_id, inbox_id) do update set ramp_index = excluded.ramp_index, updated_at = now();
	return true;
end $$;
grant execute on function quota_open(uuid, timestamptz, text, timestamptz, timestamptz, timestamptz, timestamptz, int, int, text, interval,
	int, int) to replyd_api, replyd_rotation;
