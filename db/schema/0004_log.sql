-- The event log, its positions, and its delivery.
--
-- An event is written once, by the transaction that made it true, without a
-- position.  One appender (advisory lock 'replyd.appender') gives positions to
-- committed events, so a cursor can never pass an event that commits late and
-- the feed has no holes.

create table event (
	workspace_id uuid not null,
	event_id     uuid not null,                -- derived: workspace, message identity, type, revision
	created_at   timestamptz not null default now(),
	type         text not null,
	prospect_key text,                         -- null: about an inbox
	prospect_seq bigint,                       -- 1, 2, 3... per prospect, numbered under the gate's lock
	inbox_id     uuid,
	message_id   uuid,
	data         jsonb not null,
	primary key (workspace_id, event_id, created_at)
) partition by range (created_at);
create table event_default partition of event default;

create table event_key (
	workspace_id uuid not null,
	event_id     uuid not null,
	event_created_at timestamptz not null,
	primary key (workspace_id, event_id)
) partition by hash (workspace_id);

-- Committed, not yet positioned.  queue_id rises within a prospect, being drawn under its gate's lock.
create table event_queue (
	workspace_id uuid not null,
	queue_id     bigint generated always as identity,
	event_id     uuid not null,
	event_created_at timestamptz not null,
	primary key (workspace_id, queue_id)
);
create index event_queue_order on event_queue (queue_id); -- the appender takes the oldest, whoever's they are

create table feed_head (
	workspace_id uuid primary key references workspace,
	position     bigint not null               -- the last one given
);

create table feed (
	workspace_id uuid not null,
	position     bigint not null,
	event_id     uuid not null,
	event_created_at timestamptz not null,
	positioned_at timestamptz not null default now(),
	primary key (workspace_id, position)
) partition by hash (workspace_id);

create table endpoint (
	workspace_id uuid not null references workspace,
	endpoint_id  uuid not null,
	url          text not null,
	types        text[],                       -- null: all
	sealed_secret bytea not null,              -- whsec bytes, sealed to the dispatchers' key
	state        text not null default 'enabled' check (state in ('enabled', 'disabled')),
	reason       text not null default '',
	created_at   timestamptz not null default now(),
	primary key (workspace_id, endpoint_id)
);

-- One event owed to one endpoint.  Gone when delivered or given up; attempts are the history.
create table delivery (
	workspace_id uuid not null,
	endpoint_id  uuid not null,
	position     bigint not null,
	event_id     uuid not null,
	event_created_at timestamptz not null,
	prospect_key text,
	state        text not null default 'due' check (state in ('due', 'dead')),
	due_at       timestamptz not null default now(),
	tries        int not null default 0,
	claim_id     uuid,                         -- a dispatcher is posting it
	claimed_at   timestamptz,
	primary key (workspace_id, endpoint_id, position),
	foreign key (workspace_id, endpoint_id) references endpoint
);
-- What to post next; and, per prospect, what must go first.
create index delivery_due on delivery (endpoint_id, due_at, position) where state = 'due';
create index delivery_prospect on delivery (endpoint_id, prospect_key, position) where state = 'due';
create index delivery_event on delivery (workspace_id, event_id);

create table attempt (
	workspace_id uuid not null,
	attempt_id   uuid not null,
	started_at   timestamptz not null,
	endpoint_id  uuid not null,
	event_id     uuid not null,
	position     bigint not null,
	try          int not null,
	status       int not null,                 -- HTTP status; 0: none came
	outcome      text not null,                -- 'delivered', 'refused', 'timeout', 'network', 'not_allowed', 'gone'
	detail       text not null default '',     -- first bytes of the answer, made printable
	took_ms      int not null,
	primary key (workspace_id, attempt_id, started_at)
) partition by range (started_at);
create table attempt_default partition of attempt default;
create index attempt_event on attempt (workspace_id, event_id);

do $$
declare parent text; n int;
begin
	foreach parent in array array['event_key', 'feed'] loop
		for n in 0..7 loop
			execute format('create table %I partition of %I for values with (modulus 8, remainder %s)',
				parent || '_' || n, parent, n);
			call shut((parent || '_' || n)::regclass);
		end loop;
	end loop;
end $$;
call shut('event_default');
call shut('attempt_default');

call walled('event');
call walled('event_key');
call walled('event_queue');
call walled('feed_head');
call walled('feed');
call walled('endpoint');
call walled('delivery');
call walled('attempt');
call opened_to('event', 'replyd_dispatch', 'events of all workspaces are posted');
call opened_to('event_queue', 'replyd_dispatch', 'the appender positions all workspaces');
call opened_to('feed_head', 'replyd_dispatch', 'the appender positions all workspaces');
call opened_to('feed', 'replyd_dispatch', 'the appender positions all workspaces');
call opened_to('endpoint', 'replyd_dispatch', 'deliveries of all workspaces');
call opened_to('delivery', 'replyd_dispatch', 'deliveries of all workspaces');
call opened_to('attempt', 'replyd_dispatch', 'receipts of all workspaces');

grant insert on event, event_key, event_queue to replyd_ingest, replyd_broker;
grant select on event to replyd_dispatch, replyd_api;
grant select on event_key to replyd_api;
grant select, delete on event_queue to replyd_dispatch;
grant select, insert, update on feed_head to replyd_dispatch;
grant select, insert on feed to replyd_dispatch;
grant select on feed, feed_head to replyd_api;
grant select, update (state, reason) on endpoint to replyd_dispatch;
grant insert on endpoint to replyd_api;
grant select (workspace_id, endpoint_id, url, types, state, reason, created_at) on endpoint to replyd_api;
grant update (url, types, sealed_secret, state, reason) on endpoint to replyd_api;
grant select, insert, update, delete on delivery to replyd_dispatch;
grant select on delivery to replyd_api;
grant select, insert on attempt to replyd_dispatch;
grant select on attempt to replyd_api;

-- Write an event once.  True: it is new.  The caller holds the gate's lock when a prospect is named.
create function event_put(the_event uuid, the_type text, the_prospect text, the_seq bigint, the_inbox uuid,
		the_message uuid, the_data jsonb) returns boolean
	language plpgsql as $$
declare
	ws uuid := workspace_now(); fresh int;
begin
	insert into event_key (workspace_id, event_id, event_created_at) values (ws, the_event, now()) on conflict do nothing;
	get diagnostics fresh = row_count;
	if fresh = 0 then
		return false;
	end if;
	insert into event (workspace_id, event_id, type, prospect_key, prospect_seq, inbox_id, message_id, data)
		values (ws, the_event, the_type, the_prospect, the_seq, the_inbox, the_message, the_data);
	insert into event_queue (workspace_id, event_id, event_created_at) values (ws, the_event, now());
	return true;
end $$;
grant execute on function event_put(uuid, text, text, bigint, uuid, uuid, jsonb) to replyd_ingest, replyd_broker;

-- Transaction 2 of a reply: message, event, final gate level.  Repeating it changes nothing.
-- item: {message_id, prospect_keys, state, kind, confidence, snippet, evidence, matches, return_at, level, reason, hold_until,
--        event_id, event_type, event_data}
create function message_settle(the_inbox uuid, the_epoch bigint, item jsonb)
		returns table (was_new boolean, prospect_seq bigint, level smallint)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; m record; g record; key text; keys text[]; told timestamptz; told_data jsonb;
	other uuid; hold timestamptz; hold_by uuid; verdict smallint; rest smallint;
begin
	perform fence(the_inbox, the_epoch);
	select * into i from jsonb_to_record(item) as r (message_id uuid, prospect_keys jsonb, state text, kind text, confidence real,
		snippet text, evidence jsonb, matches jsonb, return_at timestamptz, level smallint, reason text, hold_until timestamptz,
		event_id uuid, event_type text, event_data jsonb);
	-- The gates of the verdict, and those that were closed for this message.
	select coalesce(array_agg(k.p order by k.p), '{}') into keys from (
		select jsonb_array_elements_text(i.prospect_keys) union
		select c.prospect_key from gate_pending c where c.workspace_id = ws and c.message_id = i.message_id) k (p);
	foreach key in array keys loop
		insert into gate (workspace_id, prospect_key) values (ws, key) on conflict do nothing;
		perform 1 from gate where gate.workspace_id = ws and gate.prospect_key = key for update;
	end loop;

	select k.message_created_at into told from message_key k where k.workspace_id = ws and k.message_id = i.message_id;
	select * into m from message where message.workspace_id = ws and message.message_id = i.message_id and message.created_at = told for update;
	if not found then
		raise exception 'message % is settled before it was gated', i.message_id using errcode = 'RP002';
	end if;
	if m.state <> 'pending' then
		was_new := false; prospect_seq := null;
		select gate.level into level from gate where gate.workspace_id = ws and gate.prospect_key = m.prospect_key;
		return next; return;
	end if;
	if exists (select 1 from gate_pending c where c.workspace_id = ws and c.message_id = i.message_id and c.prospect_key <> all (keys)) then
		raise exception 'message % closed another gate meanwhile', i.message_id using errcode = 'serialization_failure';
	end if;
	update message set state = i.state, kind = i.kind, confidence = i.confidence, snippet = i.snippet, evidence = i.evidence,
			matches = i.matches, return_at = i.return_at, ingested_at = clock_timestamp()
		where message.workspace_id = ws and message.message_id = i.message_id and message.created_at = told;
	delete from gate_pending c where c.workspace_id = ws and c.message_id = i.message_id;

	foreach key in array keys loop
		select * into g from gate where gate.workspace_id = ws and gate.prospect_key = key;
		select c.message_id into other from gate_pending c where c.workspace_id = ws and c.prospect_key = key limit 1;
		verdict := 0; hold := g.hold_until; hold_by := g.hold_message_id;
		if i.prospect_keys ? key then
			verdict := i.level;
			if i.hold_until > coalesce(hold, '-infinity') then
				hold := i.hold_until; hold_by := i.message_id;
			end if;
		end if;
		-- What remains without the verdict.  Another mail still pending keeps the gate provisional.
		rest := case
			when g.level >= 3 then g.level
			when other is not null then 2
			when hold > now() then 1
			else 0 end;
		update gate set
			level = greatest(rest, verdict),
			reason = case
				when verdict > rest then i.reason
				when rest >= 3 then g.reason
				when rest = 2 then 'provisional'
				when rest = 1 then 'out_of_office'
				else '' end,
			message_id = case
				when verdict > rest then i.message_id
				when rest >= 3 then g.message_id
				when rest = 2 then other
				when rest = 1 then hold_by end,
			hold_until = hold, hold_message_id = hold_by,
			closed_at = case when greatest(rest, verdict) > 0 then coalesce(g.closed_at, now()) end,
			updated_at = now()
		where gate.workspace_id = ws and gate.prospect_key = key;
		if key = m.prospect_key then
			level := greatest(rest, verdict);
		end if;
	end loop;

	-- What only this transaction knows goes into the event here: its number, and what became of the gate.
	select gate.events + 1, i.event_data || jsonb_build_object(
			'prospect', (i.event_data -> 'prospect') || jsonb_build_object('seq', gate.events + 1),
			'gate', jsonb_build_object('level', gate.level, 'reason', gate.reason))
		into prospect_seq, told_data
		from gate where gate.workspace_id = ws and gate.prospect_key = m.prospect_key;
	was_new := event_put(i.event_id, i.event_type, m.prospect_key, prospect_seq, the_inbox, i.message_id, told_data);
	if was_new then
		update gate set events = prospect_seq where gate.workspace_id = ws and gate.prospect_key = m.prospect_key;
	else
		prospect_seq := null;
	end if;
	return next;
end $$;
grant execute on function message_settle(uuid, bigint, jsonb) to replyd_ingest;

-- The appender: give positions to committed events, in the order of their queue, and owe them to the endpoints.
-- One at a time over the whole cluster; returns how many, or -1: another one is at work.
create function feed_append(most int) returns int
	language plpgsql as $$
declare
	n int;
begin
	if not pg_try_advisory_xact_lock(hashtextextended('replyd.appender', 0)) then
		return -1;
	end if;
	with taken as (
		delete from event_queue q where q.queue_id in (select queue_id from event_queue order by queue_id limit most)
		returning q.queue_id, q.workspace_id, q.event_id, q.event_created_at
	), numbered as (
		select t.*, coalesce(h.position, 0) + row_number() over (partition by t.workspace_id order by t.queue_id) as position
		from taken t left join feed_head h on h.workspace_id = t.workspace_id
	), heads as (
		insert into feed_head as h (workspace_id, position)
		select workspace_id, max(position) from numbered group by workspace_id
		on conflict (workspace_id) do update set position = excluded.position
	), fed as (
		insert into feed (workspace_id, position, event_id, event_created_at)
		select workspace_id, position, event_id, event_created_at from numbered
	), owed as (
		insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at, prospect_key)
		select n.workspace_id, p.endpoint_id, n.position, n.event_id, n.event_created_at, e.prospect_key
		from numbered n
		join event e on e.workspace_id = n.workspace_id and e.event_id = n.event_id and e.created_at = n.event_created_at
		join endpoint p on p.workspace_id = n.workspace_id and p.state = 'enabled' and (p.types is null or e.type = any (p.types))
	)
	select count(*) into n from numbered;
	return n;
end $$;
grant execute on function feed_append(int) to replyd_dispatch;

-- Months ahead for the big tables; run by rotation, owned by nobody who logs in.  Rows that the default partition caught
-- while nobody ran it are moved to the month they belong to.
create procedure partitions_ensure(months int) language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	parent text; instant text; m int; first date; name text; lower text; upper text;
begin
	foreach parent in array array['outbound', 'message', 'event', 'attempt'] loop
		instant := case parent when 'attempt' then 'started_at' else 'created_at' end;
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
grant execute on procedure partitions_ensure(int) to replyd_rotation;
call partitions_ensure(3);

-- The event as consumers see it: the same bytes by push and by pull.
create function event_body(the_event uuid, the_type text, at timestamptz, the_data jsonb) returns text
	language sql stable parallel safe as $$
	select jsonb_build_object('id', the_event, 'type', the_type,
		'timestamp', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'data', the_data)::text
$$;
grant execute on function event_body(uuid, text, timestamptz, jsonb) to replyd_dispatch, replyd_api;

-- Deliveries to post now: due, of an enabled endpoint, with nothing of the same prospect before them.
-- A claim older than `stale` belongs to a dispatcher that died.  Each endpoint is looked at by itself, so that one that is
-- down, or disabled, with a hundred thousand deliveries behind it, costs the others nothing.
create function delivery_take(the_claim uuid, stale interval, most int) returns table (
		workspace_id uuid, endpoint_id uuid, feed_position bigint, event_id uuid, tries int, url text, sealed_secret bytea, body text)
	language sql as $$
	with ready as (
		select p.workspace_id, c.endpoint_id, c.position
		from endpoint p cross join lateral (
			select d.endpoint_id, d.position, d.due_at
			from delivery d
			where d.endpoint_id = p.endpoint_id and d.state = 'due' and d.due_at <= now()
				and (d.claim_id is null or d.claimed_at < now() - stale)
				-- The first of its prospect; asked row by row, or the planner joins all that is due with itself.
				and (d.prospect_key is null or d.position = (select min(b.position) from delivery b
					where b.endpoint_id = d.endpoint_id and b.prospect_key = d.prospect_key and b.state = 'due'))
			order by d.due_at, d.position limit most
			for update of d skip locked) c
		where p.state = 'enabled'
		order by c.due_at, c.position limit most
	), taken as (
		update delivery d set claim_id = the_claim, claimed_at = now()
		from ready r where d.workspace_id = r.workspace_id and d.endpoint_id = r.endpoint_id and d.position = r.position
		returning d.*
	)
	select t.workspace_id, t.endpoint_id, t.position, t.event_id, t.tries, p.url, p.sealed_secret,
		event_body(e.event_id, e.type, e.created_at, e.data)
	from taken t
	join endpoint p on p.workspace_id = t.workspace_id and p.endpoint_id = t.endpoint_id
	join event e on e.workspace_id = t.workspace_id and e.event_id = t.event_id and e.created_at = t.event_created_at
	order by t.position
$$;
grant execute on function delivery_take(uuid, interval, int) to replyd_dispatch;
