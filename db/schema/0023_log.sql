-- The log in full: the feed with types, the inbox's own numbers, a floor and consumers; stops and resumptions of prospects; and how
-- inboxes fare.
--
-- works-with: 17

-- ---- the feed ----

-- By the month of its events, which goes away as a whole with them.  Its lines say by themselves what filters ask for.
alter table feed rename to feed_before;
create table feed (
	workspace_id uuid not null,
	position     bigint not null,
	event_id     uuid not null,
	event_created_at timestamptz not null,
	positioned_at timestamptz not null default now(),
	type         text not null default '',
	inbox_id     uuid,
	inbox_seq    bigint,                       -- 1, 2, 3... per inbox, given with the position; null: from before there were any
	primary key (workspace_id, position, event_created_at)
) partition by range (event_created_at);
create table feed_default partition of feed default;
do $$
declare month record;
begin
	for month in
		select right(c.relname, 7) as name, to_date(right(c.relname, 7), 'YYYY_MM') as first
		from pg_inherits h join pg_class c on c.oid = h.inhrelid
		where h.inhparent = 'event'::regclass and c.relname ~ '^event_\d{4}_\d{2}$'
	loop
		execute format('create table %I partition of feed for values from (%L) to (%L)', 'feed_' || month.name,
			to_char(month.first, 'YYYY-MM-DD') || ' 00:00+00',
			to_char(month.first + interval '1 month', 'YYYY-MM-DD') || ' 00:00+00');
		call shut(('feed_' || month.name)::regclass);
	end loop;
end $$;
call shut('feed_default');
call walled('feed');
call opened_to('feed', 'replyd_dispatch', 'the appender positions all workspaces');
grant select, insert on feed to replyd_dispatch;
grant select on feed to replyd_api;

-- The owner, who logs in nowhere, sees no rows otherwise.
alter table feed_before no force row level security;
alter table event no force row level security;
alter table feed no force row level security;
insert into feed (workspace_id, position, event_id, event_created_at, positioned_at, type, inbox_id)
	select f.workspace_id, f.position, f.event_id, f.event_created_at, f.positioned_at, coalesce(e.type, ''), e.inbox_id
	from feed_before f left join event e
		on e.workspace_id = f.workspace_id and e.event_id = f.event_id and e.created_at = f.event_created_at;
alter table feed force row level security;
alter table event force row level security;
drop table feed_before;

create index feed_age on feed using brin (event_created_at) with (pages_per_range = 16, autosummarize = on); -- where an event stands

-- Behind the floor every position is there; below it some are gone with their month.
alter table feed_head add column floor bigint not null default 0;

-- The last number that was given to an event of this inbox.
create table inbox_head (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	seq          bigint not null,
	primary key (workspace_id, inbox_id)
) with (fillfactor = 50);
call walled('inbox_head');
call opened_to('inbox_head', 'replyd_dispatch', 'the appender numbers the events of all inboxes');
grant select, insert, update on inbox_head to replyd_dispatch;

-- As before (0004), and the lines say what they are.
create or replace function feed_append(most int) returns int
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
	), named as materialized (
		select t.*, e.type, e.prospect_key, e.inbox_id, e.data
		from taken t left join lateral (
			select x.type, x.prospect_key, x.inbox_id, case when x.type = 'webhook.test' then x.data end as data from event x
			where x.workspace_id = t.workspace_id and x.event_id = t.event_id and x.created_at = t.event_created_at offset 0) e on true
	), numbered as materialized (
		select t.*, coalesce(h.position, 0) + row_number() over (partition by t.workspace_id order by t.queue_id) as position,
			case when t.inbox_id is not null then
				coalesce(i.seq, 0) + row_number() over (partition by t.workspace_id, t.inbox_id order by t.queue_id) end as inbox_seq
		from named t left join feed_head h on h.workspace_id = t.workspace_id
		left join inbox_head i on i.workspace_id = t.workspace_id and i.inbox_id = t.inbox_id
	), heads as (
		insert into feed_head as h (workspace_id, position)
		select workspace_id, max(position) from numbered group by workspace_id
		on conflict (workspace_id) do update set position = excluded.position
	), inboxes as (
		insert into inbox_head as i (workspace_id, inbox_id, seq)
		select workspace_id, inbox_id, max(inbox_seq) from numbered where inbox_id is not null group by workspace_id, inbox_id
		on conflict (workspace_id, inbox_id) do update set seq = excluded.seq
	), fed as (
		insert into feed (workspace_id, position, event_id, event_created_at, type, inbox_id, inbox_seq)
		select workspace_id, position, event_id, event_created_at, coalesce(type, ''), inbox_id, inbox_seq from numbered
	), owed as (
		insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at, prospect_key)
		select n.workspace_id, p.endpoint_id, n.position, n.event_id, n.event_created_at, n.prospect_key
		from numbered n
		join endpoint p on p.workspace_id = n.workspace_id and p.state = 'enabled'
			and endpoint_wants(p.endpoint_id, p.types, p.inbox_ids, n.type, n.inbox_id, n.data)
		where n.type is not null
	)
	select count(*) into n from numbered;
	return n;
end $$;

-- The event as consumers see it, by push and by pull: as event_body(), with the inbox's number, and written rather than built.
create function event_told(the_event uuid, the_type text, at timestamptz, the_data jsonb, the_inbox_seq bigint) returns text
	language sql stable parallel safe as $$
	select '{"id":"' || the_event || '","type":"' || the_type || '","timestamp":"'
		|| to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","data":'
		|| case when the_inbox_seq is null then the_data
			when jsonb_typeof(the_data -> 'inbox') = 'object' then jsonb_set(the_data, '{inbox,seq}', to_jsonb(the_inbox_seq))
			else jsonb_set(the_data, '{inbox_seq}', to_jsonb(the_inbox_seq)) end::text
		|| '}'
$$;
grant execute on function event_told(uuid, text, timestamptz, jsonb, bigint) to replyd_dispatch, replyd_api;

-- As before (0022), in the words of the feed.
create or replace function delivery_body(the_workspace uuid, the_position bigint, the_event uuid, the_type text, at timestamptz, the_data jsonb)
		returns text
	language sql stable parallel safe as $$
	select event_told(the_event, the_type, at, the_data, (select f.inbox_seq from feed f
		where f.workspace_id = the_workspace and f.position = the_position and f.event_created_at = at))
$$;

-- Up to where a named consumer has read: everything up to there is his.
create table feed_ack (
	workspace_id uuid not null,
	consumer     text not null,
	position     bigint not null,
	acked_at     timestamptz not null default now(),
	primary key (workspace_id, consumer)
);
call walled('feed_ack');
grant select, insert, update on feed_ack to replyd_api;

-- It never goes back; what is not there yet cannot have been read.  result: 'done', 'ahead', 'too_many' (100 consumers are there).
create function feed_acknowledge(the_consumer text, the_position bigint) returns table (result text, acked bigint, head bigint)
	language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	select coalesce(max(h.position), 0) into head from feed_head h where h.workspace_id = ws;
	if the_position > head then
		result := 'ahead'; return next; return;
	end if;
	if not exists (select from feed_ack a where a.workspace_id = ws and a.consumer = the_consumer)
			and (select count(*) from feed_ack a where a.workspace_id = ws) >= 100 then
		result := 'too_many'; return next; return;
	end if;
	insert into feed_ack as a (workspace_id, consumer, position) values (ws, the_consumer, the_position)
		on conflict (workspace_id, consumer) do update set position = greatest(a.position, excluded.position), acked_at = now()
		returning a.position into acked;
	result := 'done'; return next;
end $$;
grant execute on function feed_acknowledge(text, bigint) to replyd_api;

-- A page: what lies behind `after` (null: behind what the consumer has acknowledged), of the types that are wanted (null: all), at
-- most `most`.  `upto` is the last position that was looked at: with a filter at most `window` of them at a time.  `whole`: there was
-- no more to look at.  Below the floor nothing is told.
create function feed_page(after bigint, the_consumer text, wanted text[], most bigint, win bigint)
		returns table (page text, told bigint, upto bigint, whole boolean, floor bigint, head bigint)
	language plpgsql stable set plan_cache_mode = force_generic_plan as $$
declare
	ws uuid := workspace_now(); looked bigint;
begin
	select h.floor, h.position into floor, head from feed_head h where h.workspace_id = ws;
	floor := coalesce(floor, 0); head := coalesce(head, 0);
	after := coalesce(after, (select a.position from feed_ack a where a.workspace_id = ws and a.consumer = the_consumer), floor);
	if after < floor then
		upto := floor; told := 0; whole := true; return next; return;
	end if;
	with seen as materialized (
		select f.position as at, f.event_id, f.event_created_at, f.type, f.inbox_seq from feed f
		where f.workspace_id = ws and f.position > after order by f.position limit case when wanted is null then most else win end
	), found as materialized (
		select s.* from seen s where wanted is null or s.type = any (wanted) order by s.at limit most
	)
	select coalesce(string_agg('{"position":' || s.at || ',' || substr(b.body, 2), ',' order by s.at), ''), count(*),
			case when count(*) = most then max(s.at) else coalesce((select max(x.at) from seen x), after) end,
			(select count(*) from seen)
		into page, told, upto, looked
		from found s left join lateral (
			select event_told(e.event_id, e.type, e.created_at, e.data, s.inbox_seq) as body from event e
			where e.workspace_id = ws and e.event_id = s.event_id and e.created_at = s.event_created_at offset 0) b on true;
	whole := told < most and looked < case when wanted is null then most else win end;
	page := '{"events":[' || page || '],"next":' || upto || '}';
	return next;
end $$;
grant execute on function feed_page(bigint, text, text[], bigint, bigint) to replyd_api;

-- ---- stops and resumptions ----

alter table gate add column stops int not null default 0; -- how often this prospect was stopped

-- At commit, behind the event of the mail that did it, whatever function moved the gate.  The nth stop of a prospect, by this
-- mail, is a fact with one id.
create function gate_told() returns trigger language plpgsql
	set search_path = replyd, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	named text := current_setting('replyd.workspace', true); g gate; is_stop boolean := new.level >= 3;
begin
	perform set_config('replyd.workspace', new.workspace_id::text, true);
	update gate x set events = x.events + 1, stops = x.stops + is_stop::int
		where x.workspace_id = new.workspace_id and x.prospect_key = new.prospect_key
		returning x.* into g;
	if found then
		perform event_put(event_id_of(new.workspace_id::text, new.prospect_key,
				case when is_stop then 'prospect.stopped' else 'prospect.resumed' end,
				coalesce(new.message_id::text, instant_text(now())), g.stops::text),
			case when is_stop then 'prospect.stopped' else 'prospect.resumed' end, new.prospect_key, g.events, null, new.message_id,
			jsonb_build_object('prospect', jsonb_build_object('key', new.prospect_key, 'seq', g.events),
				'gate', jsonb_build_object('level', new.level, 'reason', new.reason),
				'by_message', new.message_id,
				'stop', g.stops));
	end if;
	perform set_config('replyd.workspace', coalesce(named, ''), true);
	return null;
end $$;
create constraint trigger gate_stopped after insert on gate deferrable initially deferred
	for each row when (new.level >= 3) execute function gate_told();
create constraint trigger gate_moved after update of level on gate deferrable initially deferred
	for each row when ((old.level >= 3) <> (new.level >= 3)) execute function gate_told();
grant update (stops) on gate to replyd_api;

-- ---- how inboxes fare ----

-- What the log last said of it.
alter table inbox_state
	add column told text not null default '' check (told in ('', 'watched', 'held', 'reauth_required', 'paused')),
	add column throttle_told_at timestamptz;

-- What an engine has to know of a state; null: it passes, or becomes one of the others.
create function inbox_fares(the_state text, the_reason text) returns text
	language sql immutable parallel safe as $$
	select case when the_state = 'live' then 'watched' when the_state in ('held', 'reauth_required') then the_state
		when the_state = 'unwatched' and the_reason = 'paused' then 'paused' end
$$;
create function is_limit(the_reason text) returns boolean
	language sql immutable parallel safe as $$
	select the_reason in ('throttled', 'login_rate_limit', 'too_many_connections', 'bandwidth_limit', 'over_quota', 'mailbox_in_use',
		'provider_limit')
$$;
grant execute on function inbox_fares(text, text), is_limit(text)
	to replyd_ingest, replyd_broker, replyd_rotation, replyd_api, replyd_admin;

alter table inbox_state no force row level security;
update inbox_state set told = coalesce(inbox_fares(state, reason), case when live_at is not null then 'watched' else '' end);
alter table inbox_state force row level security;

-- Before the row is written, so that it is written once.  The instant since when is a part of the id: told once.
create function inbox_state_told() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
declare
	fare text := inbox_fares(new.state, new.reason); named text := current_setting('replyd.workspace', true); about jsonb;
begin
	perform set_config('replyd.workspace', new.workspace_id::text, true);
	about := jsonb_build_object('inbox_id', new.inbox_id,
		'address', (select b.address from inbox b where b.workspace_id = new.workspace_id and b.inbox_id = new.inbox_id),
		'reason', new.reason, 'since', instant_text(new.since));
	if fare is not null and fare <> new.told then
		-- The first time that it is watched is inbox.connected.
		if not (fare = 'watched' and new.told = '') then
			perform event_put(event_id_of(new.workspace_id::text, new.inbox_id::text, 'inbox.state_changed', fare, instant_text(new.since)),
				'inbox.state_changed', null, null, new.inbox_id, null,
				about || jsonb_build_object('state', fare, 'was', nullif(new.told, '')));
		end if;
		new.told := fare;
	end if;
	if new.state = 'backing_off' and is_limit(new.reason)
			and coalesce(new.throttle_told_at, '-infinity') < now() - interval '1 hour' then
		perform event_put(event_id_of(new.workspace_id::text, new.inbox_id::text, 'inbox.throttled', instant_text(new.since)),
			'inbox.throttled', null, null, new.inbox_id, null,
			about || jsonb_build_object('detail', left(new.detail, 500), 'retry_at', instant_text(new.retry_at)));
		new.throttle_told_at := now();
	end if;
	perform set_config('replyd.workspace', coalesce(named, ''), true);
	return new;
end $$;
create trigger inbox_state_told before update on inbox_state
	for each row when (inbox_fares(new.state, new.reason) is not null and inbox_fares(new.state, new.reason) <> new.told
		or new.state = 'backing_off' and is_limit(new.reason))
	execute function inbox_state_told();
-- A row that is only proposed, and meets one that is there, is no news: the first row of an inbox is told once it is there.
create function inbox_state_first() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	update inbox_state s set state = new.state where s.workspace_id = new.workspace_id and s.inbox_id = new.inbox_id;
	return null;
end $$;
create trigger inbox_state_first after insert on inbox_state
	for each row when (inbox_fares(new.state, new.reason) is not null) execute function inbox_state_first();

-- ---- months ahead ----

-- As before (0006), and for the feed.
create or replace procedure partitions_ensure(months int) language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	parent text; instant text; m int; first date; name text; lower text; upper text;
begin
	foreach parent in array array['outbound', 'message', 'event', 'feed', 'attempt', 'timeline'] loop
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
