-- Delivery in lanes: one per endpoint, with its own room, pace and history, so that an endpoint which is down or slow costs the
-- others nothing; receipts many at a time; order per prospect for as long as the endpoint wants; replays; what an endpoint may be told.
--
-- A delivery behind another of the same prospect is `held`: nobody looks at it until that one is out of its way.  So what is due
-- can be taken from an index as it lies there, however much waits behind it.
--
--   due -> (claimed) -> gone, due again later, or dead;   held -> due
--
-- Order of locks: deliveries by endpoint and position, then lanes by endpoint.  Who takes passes over what is locked.
-- works-with: 17

-- ---- endpoints ----

alter table endpoint
	add column label text not null default '',
	add column inbox_ids uuid[],                   -- null: of all inboxes, and what is about none
	add column concurrency int not null default 16 check (concurrency between 1 and 256), -- posts under way at once
	add column rate_per_s int check (rate_per_s between 1 and 10000), -- null: no limit
	add column timeout_ms int check (timeout_ms between 1000 and 60000), -- null: dispatch.timeout
	add column batch int not null default 1 check (batch between 1 and 100), -- events in one post
	add column hold_for interval not null default '1 hour', -- so long a failing event holds the next of its prospect
	add column sealed_secret_old bytea,            -- signs too, until old_until
	add column old_until timestamptz,
	add column sealed_headers bytea,               -- {"Name": "value"}
	add column sealed_client bytea,                -- certificate and key for mutual TLS, PEM
	add column disabled_at timestamptz,
	-- removed: to be cleared away with what it is owed
	drop constraint endpoint_state_check,
	add constraint endpoint_state_check check (state in ('enabled', 'disabled', 'removed'));
call sealed_in('endpoint', 'sealed_secret_old', 'webhook', 'old_key_id');
call sealed_in('endpoint', 'sealed_headers', 'webhook', 'headers_key_id');
call sealed_in('endpoint', 'sealed_client', 'webhook', 'client_key_id');
grant select (label, inbox_ids, concurrency, rate_per_s, timeout_ms, batch, hold_for, old_until, headers_key_id, client_key_id,
		disabled_at, key_id) on endpoint to replyd_api;
grant update (label, inbox_ids, concurrency, rate_per_s, timeout_ms, batch, hold_for, sealed_headers, sealed_client,
		disabled_at) on endpoint to replyd_api;
grant update (sealed_secret_old, old_until, sealed_headers, sealed_client, disabled_at) on endpoint to replyd_dispatch;
grant delete on endpoint to replyd_dispatch;
grant select (old_key_id, headers_key_id, client_key_id) on endpoint to replyd_admin;

-- As in 0020, and the other secrets of an endpoint.
create or replace function reseal_stale(the_group text, the_id smallint) returns bigint language plpgsql stable as $$
begin
	if the_group = 'grant' then
		return (select count(*) from inbox_grant where key_id <> the_id)
			+ (select count(*) from loose_consent where key_id <> the_id)
			+ (select count(*) from removal where key_id <> the_id)
			+ (select count(*) from domain_grant where key_id <> the_id)
			+ (select count(*) from domain_grant where token_key_id <> the_id)
			+ (select count(*) from connect_link where device_key_id <> the_id);
	elsif the_group = 'token' then
		return (select count(*) from access_token where key_id <> the_id);
	end if;
	return (select count(*) filter (where key_id <> the_id) + count(*) filter (where old_key_id <> the_id)
			+ count(*) filter (where headers_key_id <> the_id) + count(*) filter (where client_key_id <> the_id) from endpoint);
end $$;

-- Another secret; the one before signs too for so long.  The API, who may not read it, moves it aside by this.
create function endpoint_rotate(the_endpoint uuid, the_sealed bytea, both_for interval) returns timestamptz
	language sql security definer set search_path = replyd, pg_temp as $$
	update endpoint set sealed_secret_old = sealed_secret, old_until = now() + both_for, sealed_secret = the_sealed
	where workspace_id = workspace_now() and endpoint_id = the_endpoint and state <> 'removed'
	returning old_until
$$;
grant execute on function endpoint_rotate(uuid, bytea, interval) to replyd_api;

-- Does an endpoint want this event?  `types` has names, and beginnings like `reply.*`.
create function endpoint_wants(the_endpoint uuid, types text[], inbox_ids uuid[], the_type text, the_inbox uuid, the_data jsonb)
		returns boolean
	language sql immutable parallel safe as $$
	select case when the_type = 'webhook.test' then the_data ->> 'endpoint_id' = the_endpoint::text
		else (types is null or the_type = any (types)
				or exists (select from unnest(types) t where right(t, 2) = '.*' and starts_with(the_type, left(t, -1))))
			and (inbox_ids is null or the_inbox = any (inbox_ids)) end
$$;
grant execute on function endpoint_wants(uuid, text[], uuid[], text, uuid, jsonb) to replyd_dispatch;

-- ---- lanes ----

create table endpoint_lane (
	workspace_id uuid not null,
	endpoint_id  uuid not null,
	due_at       timestamptz not null default 'infinity', -- from then on there may be something to take
	not_before   timestamptz not null default '-infinity', -- it asked to be left alone, or is down and will be tried then
	served_at    timestamptz not null default '-infinity', -- who waited longest is served first
	tokens       real not null default 0,          -- of its rate
	tokens_at    timestamptz not null default '-infinity',
	state        text not null default 'healthy' check (state in ('healthy', 'slowed', 'probing')),
	failing_since timestamptz,                     -- nothing was delivered since; null: it works
	succeeded_at timestamptz,
	failed_at    timestamptz,
	failed_with  text not null default '',         -- the outcome then
	was_disabled boolean not null default false,   -- and did not work since
	primary key (workspace_id, endpoint_id),
	foreign key (workspace_id, endpoint_id) references endpoint on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
create index endpoint_lane_due on endpoint_lane (due_at);
create index endpoint_lane_endpoint on endpoint_lane (endpoint_id);
call walled('endpoint_lane');
call opened_to('endpoint_lane', 'replyd_dispatch', 'deliveries of all workspaces');
grant select, update, delete on endpoint_lane to replyd_dispatch;
grant select, insert, update (due_at, not_before, failing_since, state) on endpoint_lane to replyd_api;

create function lane_made() returns trigger language plpgsql as $$
begin
	insert into endpoint_lane (workspace_id, endpoint_id, due_at) values (new.workspace_id, new.endpoint_id, now());
	return null;
end $$;
create trigger lane_made after insert on endpoint for each row execute function lane_made();
-- Enabled again: its lane is looked at, and begins anew.
create function lane_enabled() returns trigger language plpgsql as $$
begin
	update endpoint_lane l set due_at = now(), not_before = '-infinity', state = 'healthy', failing_since = null
		where l.workspace_id = new.workspace_id and l.endpoint_id = new.endpoint_id;
	return null;
end $$;
create trigger lane_enabled after update of state on endpoint for each row
	when (new.state = 'enabled' and old.state <> 'enabled') execute function lane_enabled();

alter table delivery
	add column lets_by boolean not null default false, -- held its prospect long enough: the next may go before it
	add column holds_until timestamptz,            -- it failed, and lets others by then
	add column replay_id uuid,                     -- it goes out again because somebody asked
	add column failed_with text not null default '',
	add column status int not null default 0,      -- HTTP, of the last try
	add column died_at timestamptz,
	drop constraint delivery_state_check,
	add constraint delivery_state_check check (state in ('due', 'held', 'dead')) not valid;
alter table delivery set (autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0.05);
drop index delivery_prospect;
create index delivery_waiting on delivery (endpoint_id, prospect_key, position)
	where state in ('due', 'held') and prospect_key is not null;
create index delivery_claimed on delivery (endpoint_id, claimed_at) where claim_id is not null;
create index delivery_holds on delivery (holds_until) where holds_until is not null and not lets_by and state = 'due';
create index delivery_held on delivery (endpoint_id) where state = 'held'; -- for delivery_take(), below
create index delivery_dead on delivery (workspace_id, endpoint_id, position) where state = 'dead';

-- The next of each prospect whose way is free now.
create function delivery_follow(the_endpoints uuid[], the_prospects text[]) returns void
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
	set plan_cache_mode = force_generic_plan as $$
begin
	update delivery d set state = 'due', due_at = now()
	from (select distinct f.endpoint_id, f.prospect_key from unnest(the_endpoints, the_prospects) as f (endpoint_id, prospect_key)) f
	cross join lateral (
		select b.workspace_id, b.position from delivery b
		where b.endpoint_id = f.endpoint_id and b.prospect_key = f.prospect_key and b.state = 'held'
			and b.state in ('due', 'held') and b.prospect_key is not null
		order by b.position limit 1) n
	where d.workspace_id = n.workspace_id and d.endpoint_id = f.endpoint_id and d.position = n.position
		and not exists (select from delivery o where o.endpoint_id = f.endpoint_id and o.prospect_key = f.prospect_key
			and o.state = 'due' and o.state in ('due', 'held') and o.prospect_key is not null and not o.lets_by);
end $$;

-- Whatever owes an event comes through here: it is held behind another of its prospect, and its lane is woken.  What stands
-- before it is locked: whoever takes that away meanwhile either did so before we look, or sees ours.
create function delivery_owed() returns trigger
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
	perform 1 from (select distinct f.endpoint_id, f.prospect_key from fresh f where f.prospect_key is not null) f
		join delivery b on b.endpoint_id = f.endpoint_id and b.prospect_key = f.prospect_key
			and b.state in ('due', 'held') and b.prospect_key is not null
		order by b.endpoint_id, b.position for share of b;
	update delivery d set state = 'held' from fresh f
		where d.workspace_id = f.workspace_id and d.endpoint_id = f.endpoint_id and d.position = f.position and d.state = 'due'
			and exists (select from delivery b where b.endpoint_id = f.endpoint_id and b.prospect_key = f.prospect_key
				and b.state in ('due', 'held') and b.prospect_key is not null and not b.lets_by and b.position <> f.position
				and (b.position < f.position or not exists (select from fresh x
					where x.endpoint_id = b.endpoint_id and x.position = b.position)));
	-- Without a condition: a take under way may be about to say that nothing is due.
	update endpoint_lane l set due_at = least(l.due_at, now())
		where (l.workspace_id, l.endpoint_id) in (select distinct f.workspace_id, f.endpoint_id from fresh f);
	return null;
end $$;
create trigger delivery_owed after insert on delivery referencing new table as fresh
	for each statement execute function delivery_owed();

-- What an event looks like in a post.
create function delivery_body(the_workspace uuid, the_position bigint, the_event uuid, the_type text, at timestamptz, the_data jsonb)
		returns text
	language sql stable parallel safe as $$ select event_body(the_event, the_type, at, the_data) $$;
grant execute on function delivery_body(uuid, bigint, uuid, text, timestamptz, jsonb) to replyd_dispatch;

-- Deliveries to post now.  Of each lane that has something due at most what it has room for: its own concurrency and rate, over all
-- dispatchers; what its dispatcher allows it (rooms: [{endpoint_id, room}], `first` for lanes that he does not know); and, while
-- there is not enough for all, an equal share of `most`.  A claim older than `stale` belongs to a dispatcher that died.
-- What stands of the endpoint comes with its first row.  body null: the event is not kept any more.
create function lane_take(the_claim uuid, stale interval, most int, first int, rooms jsonb) returns table (
		workspace_id uuid, endpoint_id uuid, feed_position bigint, event_id uuid, tries int, body text,
		is_first boolean, url text, sealed_secret bytea, sealed_secret_old bytea, sealed_headers bytea, sealed_client bytea,
		concurrency int, timeout_ms int, batch int, lane_state text)
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
	set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
	return query
	with lane as materialized (
		select l.workspace_id, l.endpoint_id, p.rate_per_s, greatest(stale, make_interval(secs => p.timeout_ms / 1000.0 + 5)) as stale,
			case when p.rate_per_s is null then 0 else least(p.rate_per_s, l.tokens
				+ p.rate_per_s * least(extract(epoch from now() - l.tokens_at), 1))::real end as tokens,
			least(coalesce(b.room, first), p.concurrency * p.batch - (select count(*) from delivery c
				where c.endpoint_id = l.endpoint_id and c.claim_id is not null
					and c.claimed_at >= now() - greatest(stale, make_interval(secs => p.timeout_ms / 1000.0 + 5))))::int as places
		from endpoint_lane l
		join endpoint p on p.workspace_id = l.workspace_id and p.endpoint_id = l.endpoint_id
		left join jsonb_to_recordset(rooms) as b (endpoint_id uuid, room int) on b.endpoint_id = l.endpoint_id
		where l.due_at <= now() and l.not_before <= now() and p.state = 'enabled'
		order by l.served_at limit 64 for update of l skip locked
	), room as materialized (
		select l.*, greatest(0, case when l.rate_per_s is null then l.places else least(l.places, floor(l.tokens)::int) end) as room
		from lane l
	), shared as materialized (
		select r.*, least(r.room, greatest(1, most / greatest(1, (select count(*) from room x where x.room > 0)::int))) as share
		from room r
	), picked as materialized (
		select s.workspace_id, s.endpoint_id, c.position
		from shared s cross join lateral (
			select d.position from delivery d
			where d.endpoint_id = s.endpoint_id and d.state = 'due' and d.due_at <= now()
				and (d.claim_id is null or d.claimed_at < now() - s.stale)
			order by d.due_at, d.position limit s.share
			for update of d skip locked) c
		limit most
	), taken as (
		update delivery d set claim_id = the_claim, claimed_at = now()
		from picked r where d.workspace_id = r.workspace_id and d.endpoint_id = r.endpoint_id and d.position = r.position
		returning d.workspace_id, d.endpoint_id, d.position, d.event_id, d.event_created_at, d.tries
	), served as (
		update endpoint_lane l set served_at = clock_timestamp(), tokens = case when s.rate_per_s is null then 0 else s.tokens - n.n end, tokens_at = now(),
			due_at = case
				when s.room <= 0 and s.places > 0 then now() + make_interval(secs => 1.0 / s.rate_per_s)
				when s.room <= 0 then now() + interval '1 second' -- a receipt comes before that
				when n.n >= s.share then now()
				else least((select min(d.due_at) from delivery d
						where d.endpoint_id = s.endpoint_id and d.state = 'due' and d.due_at > now()),
					case when n.n > 0 or exists (select from delivery c where c.endpoint_id = s.endpoint_id and c.claim_id is not null)
						then now() + s.stale else 'infinity' end) end
		from shared s cross join lateral (select count(*)::int as n from picked k where k.endpoint_id = s.endpoint_id) n
		where l.workspace_id = s.workspace_id and l.endpoint_id = s.endpoint_id
	)
	select t.workspace_id, t.endpoint_id, t.position, t.event_id, t.tries,
		case when e.event_id is not null then delivery_body(e.workspace_id, t.position, e.event_id, e.type, e.created_at, e.data) end,
		t.is_first, p.url, p.sealed_secret, p.sealed_secret_old, p.sealed_headers, p.sealed_client,
		p.concurrency, p.timeout_ms, p.batch, p.lane_state
	from (select t.*, row_number() over (partition by t.endpoint_id order by t.position) = 1 as is_first from taken t) t
	left join event e on e.workspace_id = t.workspace_id and e.event_id = t.event_id and e.created_at = t.event_created_at
	left join lateral (
		select p.*, l.state as lane_state from endpoint p join endpoint_lane l on l.workspace_id = p.workspace_id and l.endpoint_id = p.endpoint_id
		where t.is_first and p.workspace_id = t.workspace_id and p.endpoint_id = t.endpoint_id) p on true
	order by t.endpoint_id, t.position;
end $$;

-- One attempt, and what becomes of its delivery: delivered, again (after wait_ms), dead, or gone (dead, and the endpoint is
-- disabled).  Nothing happens to a delivery that another dispatcher has claimed meanwhile.
create type lane_receipt as (workspace_id uuid, endpoint_id uuid, event_id uuid, claim_id uuid, attempt_id uuid, position bigint,
	try int, started_us bigint, status int, outcome text, detail text, took_ms int, fate text, wait_ms bigint);
-- What the attempts say of a lane: `ok`: something was delivered; `state`, and how long it is to be left alone.
create type lane_news as (workspace_id uuid, endpoint_id uuid, ok boolean, failed_with text, state text, wait_ms bigint);

-- An endpoint that wants no more, or has failed for too long.  The owner is told by an event that the other endpoints and the
-- feed have, and by what GET /v1/endpoints says.
create function endpoint_stop(the_workspace uuid, the_endpoint uuid, why text) returns boolean language plpgsql as $$
declare
	p record; l record;
begin
	update endpoint set state = 'disabled', reason = why, disabled_at = now()
		where workspace_id = the_workspace and endpoint_id = the_endpoint and state = 'enabled' returning * into p;
	if not found then
		return false;
	end if;
	update endpoint_lane set due_at = 'infinity', was_disabled = true
		where workspace_id = the_workspace and endpoint_id = the_endpoint returning * into l;
	perform set_config('replyd.workspace', the_workspace::text, true);
	perform event_put(event_id_of(the_workspace::text, the_endpoint::text, 'endpoint.disabled', instant_text(now())),
		'endpoint.disabled', null, null, null, null, jsonb_build_object('endpoint_id', the_endpoint, 'url', p.url, 'label', p.label,
			'reason', why, 'failing_since', instant_text(l.failing_since), 'last_outcome', nullif(l.failed_with, ''),
			'disabled_at', instant_text(now())));
	perform set_config('replyd.workspace', '', true);
	return true;
end $$;

-- Receipts of many attempts in one transaction.  Says which endpoints were disabled by it, and which came back.
create function lane_settle(items jsonb, news jsonb, disable_after interval)
		returns table (workspace_id uuid, endpoint_id uuid, what text)
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
	set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
	r lane_receipt[]; freed uuid[]; freed_who text[]; l lane_news; old record; i lane_receipt;
begin
	select array_agg(x) into r from jsonb_populate_recordset(null::lane_receipt, items) x;
	insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, position, try, status, outcome, detail, took_ms)
		select x.workspace_id, x.attempt_id, to_timestamp(x.started_us / 1000000.0), x.endpoint_id, x.event_id, x.position, x.try,
			x.status, x.outcome, x.detail, x.took_ms
		from unnest(r) x on conflict do nothing;
	perform 1 from unnest(r) x join delivery d on d.workspace_id = x.workspace_id and d.endpoint_id = x.endpoint_id
		and d.position = x.position and d.claim_id = x.claim_id order by d.endpoint_id, d.position for update of d;
	with gone as (
		delete from delivery d using unnest(r) x where x.fate = 'delivered' and d.workspace_id = x.workspace_id
			and d.endpoint_id = x.endpoint_id and d.position = x.position and d.claim_id = x.claim_id
		returning d.endpoint_id, d.prospect_key
	), given_up as (
		update delivery d set state = 'dead', died_at = now(), tries = x.try, claim_id = null, claimed_at = null,
			failed_with = x.outcome, status = x.status
		from unnest(r) x where x.fate in ('dead', 'gone') and d.workspace_id = x.workspace_id
			and d.endpoint_id = x.endpoint_id and d.position = x.position and d.claim_id = x.claim_id
		returning d.endpoint_id, d.prospect_key
	), again as (
		update delivery d set tries = x.try, claim_id = null, claimed_at = null, failed_with = x.outcome, status = x.status,
			due_at = now() + make_interval(secs => x.wait_ms / 1000.0),
			holds_until = case when d.prospect_key is not null then coalesce(d.holds_until, now() + (select p.hold_for from endpoint p
				where p.workspace_id = x.workspace_id and p.endpoint_id = x.endpoint_id)) end
		from unnest(r) x where x.fate = 'again' and d.workspace_id = x.workspace_id
			and d.endpoint_id = x.endpoint_id and d.position = x.position and d.claim_id = x.claim_id
	)
	select array_agg(f.endpoint_id), array_agg(f.prospect_key) into freed, freed_who
		from (select * from gone union all select * from given_up) f where f.prospect_key is not null;
	-- In a statement of its own: it sees what was owed while we waited for the rows above.
	if freed is not null then
		perform delivery_follow(freed, freed_who);
	end if;

	for l in select * from jsonb_populate_recordset(null::lane_news, news) x order by x.endpoint_id loop
		select e.* into old from endpoint_lane e where e.workspace_id = l.workspace_id and e.endpoint_id = l.endpoint_id for update;
		continue when not found;
		update endpoint_lane e set state = l.state,
			due_at = least(e.due_at, now()),
			not_before = case when l.wait_ms > 0 then now() + make_interval(secs => l.wait_ms / 1000.0)
				when l.ok then '-infinity' else e.not_before end,
			succeeded_at = case when l.ok then now() else e.succeeded_at end,
			failed_at = case when l.failed_with <> '' then now() else e.failed_at end,
			failed_with = case when l.failed_with <> '' then l.failed_with else e.failed_with end,
			failing_since = case when l.ok then null else coalesce(e.failing_since, now()) end,
			was_disabled = e.was_disabled and not l.ok
			where e.workspace_id = l.workspace_id and e.endpoint_id = l.endpoint_id;
		if l.ok and old.failing_since is not null then
			-- What failed while it was down need not wait for its turn.
			update delivery d set due_at = now() where d.endpoint_id = l.endpoint_id and d.state = 'due'
				and d.due_at > now() and d.claim_id is null and old.state = 'probing';
		end if;
		if l.ok and (old.was_disabled or coalesce(old.failing_since < now() - interval '5 minutes', false)) then
			perform set_config('replyd.workspace', l.workspace_id::text, true);
			perform event_put(event_id_of(l.workspace_id::text, l.endpoint_id::text, 'endpoint.recovered',
					instant_text(coalesce(old.failing_since, now()))),
				'endpoint.recovered', null, null, null, null, (select jsonb_build_object('endpoint_id', p.endpoint_id, 'url', p.url,
					'label', p.label, 'failing_since', instant_text(old.failing_since), 'was_disabled', old.was_disabled,
					'recovered_at', instant_text(now()))
					from endpoint p where p.workspace_id = l.workspace_id and p.endpoint_id = l.endpoint_id));
			perform set_config('replyd.workspace', '', true);
			workspace_id := l.workspace_id; endpoint_id := l.endpoint_id; what := 'recovered';
			return next;
		elsif not l.ok and coalesce(old.failing_since < now() - disable_after, false) then
			if endpoint_stop(l.workspace_id, l.endpoint_id, 'it took nothing for '
					|| extract(epoch from disable_after)::bigint / 3600 || ' hours: ' || l.failed_with) then
				workspace_id := l.workspace_id; endpoint_id := l.endpoint_id; what := 'failing';
				return next;
			end if;
		end if;
	end loop;
	foreach i in array r loop
		if i.fate = 'gone' then
			if endpoint_stop(i.workspace_id, i.endpoint_id, '410 Gone: the endpoint asked for no more events') then
				workspace_id := i.workspace_id; endpoint_id := i.endpoint_id; what := 'gone';
				return next;
			end if;
		end if;
	end loop;
end $$;

-- ---- replays ----

-- What an endpoint is to get once more, with the same ids, a few hundred at a time.
create table replay (
	workspace_id uuid not null,
	replay_id    uuid not null,
	endpoint_id  uuid not null,
	what         text not null check (what in ('event', 'dead', 'range')),
	event_id     uuid,
	types        text[],
	from_at      timestamptz,
	to_at        timestamptz,
	position     bigint not null,                  -- looked at up to here
	to_position  bigint not null,                  -- and no further: the end of the feed when it was asked for
	state        text not null default 'running' check (state in ('running', 'done', 'stopped')),
	queued       bigint not null default 0,        -- owed by it so far
	asked        text not null,                    -- digest of what was asked: the same once more is the same replay
	made_at      timestamptz not null default now(),
	ended_at     timestamptz,
	primary key (workspace_id, replay_id),
	foreign key (workspace_id, endpoint_id) references endpoint on delete cascade
);
create unique index replay_asked on replay (workspace_id, endpoint_id, asked) where state = 'running';
create index replay_running on replay (made_at) where state = 'running';
call walled('replay');
call opened_to('replay', 'replyd_dispatch', 'replays of all workspaces');
grant select, update, delete on replay to replyd_dispatch;
grant select, insert on replay to replyd_api;

-- The last position that was given before `at`, so that nothing from then on is missed; 0: there is none.
create function feed_before(the_workspace uuid, at timestamptz) returns bigint
	language plpgsql stable as $$
declare
	low bigint := 0; high bigint; mid bigint; seen record;
begin
	select coalesce(h.position, 0) into high from feed_head h where h.workspace_id = the_workspace;
	while coalesce(high, 0) > low loop
		mid := (low + high + 1) / 2;
		select f.position, f.positioned_at into seen from feed f where f.workspace_id = the_workspace and f.position >= mid
			order by f.position limit 1;
		if found and seen.positioned_at < at then low := mid; else high := mid - 1; end if;
	end loop;
	return low;
end $$;

-- Ask for one.  Null: there is no such endpoint, or it is not enabled (`problem` says which); or no such event.
create function replay_ask(the_replay uuid, the_endpoint uuid, the_what text, the_event uuid, the_types text[],
		the_from timestamptz, the_to timestamptz, the_asked text, out problem text, out replay uuid)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); p record; e record; low bigint := 0; high bigint;
begin
	select n.state into p from endpoint n where n.workspace_id = ws and n.endpoint_id = the_endpoint and n.state <> 'removed';
	if not found then problem := 'no endpoint'; return; end if;
	if p.state <> 'enabled' then problem := 'disabled'; return; end if;
	select coalesce((select h.position from feed_head h where h.workspace_id = ws), 0) into high;
	if the_what = 'event' then
		select k.event_created_at into e from event_key k where k.workspace_id = ws and k.event_id = the_event;
		if not found then problem := 'no event'; return; end if;
		low := feed_before(ws, e.event_created_at);
		select f.position - 1, f.position into low, high from feed f
			where f.workspace_id = ws and f.position > low and f.event_id = the_event order by f.position limit 1;
		if not found then problem := 'no event'; return; end if;
	elsif the_what = 'range' and the_from is not null then
		low := feed_before(ws, the_from);
	end if;
	insert into replay as y (workspace_id, replay_id, endpoint_id, what, event_id, types, from_at, to_at, position, to_position, asked)
		values (ws, the_replay, the_endpoint, the_what, the_event, the_types, the_from, the_to, low, high, the_asked)
		on conflict (workspace_id, endpoint_id, asked) where state = 'running' do nothing;
	select y.replay_id into replay from replay y
		where y.workspace_id = ws and y.endpoint_id = the_endpoint and y.asked = the_asked and y.state = 'running';
	problem := '';
end $$;
grant execute on function feed_before(uuid, timestamptz), replay_ask(uuid, uuid, text, uuid, text[], timestamptz, timestamptz, text)
	to replyd_api;

-- The next portion of one replay that may go on; returns how many positions were looked at or are owed now, 0: nothing to do.
-- One steps back while its endpoint has a thousand to do: what is new does not wait behind what is old.
create function replay_step(most int) returns int
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	y record; upto bigint; seen bigint; n int; revived int; ws uuid[]; ep uuid[]; pos bigint[]; ev uuid[]; at timestamptz[]; who text[];
begin
	select r.*, p.state as endpoint_state, p.types as wants, p.inbox_ids into y from replay r
		join endpoint p on p.workspace_id = r.workspace_id and p.endpoint_id = r.endpoint_id
		where r.state = 'running' and (select count(*) from (select from delivery d where d.endpoint_id = r.endpoint_id
			and d.state = 'due' and d.due_at <= now() limit 1000) x) < 1000
		order by r.made_at limit 1 for update of r skip locked;
	if not found then
		return 0;
	end if;
	if y.endpoint_state <> 'enabled' then
		update replay set state = 'stopped', ended_at = now() where workspace_id = y.workspace_id and replay_id = y.replay_id;
		return 1;
	end if;
	select count(*), max(f.position), array_agg(f.workspace_id), array_agg(y.endpoint_id), array_agg(f.position),
			array_agg(f.event_id), array_agg(f.event_created_at), array_agg(f.prospect_key)
		into seen, upto, ws, ep, pos, ev, at, who
		from (select x.*, e.prospect_key, e.type, e.inbox_id, e.data, e.created_at
			from (select f.workspace_id, f.position, f.event_id, f.event_created_at from feed f
				where y.what <> 'dead' and f.workspace_id = y.workspace_id and f.position > y.position and f.position <= y.to_position
				order by f.position limit most) x
			join event e on e.workspace_id = x.workspace_id and e.event_id = x.event_id and e.created_at = x.event_created_at
			union all
			select x.*, e.type, e.inbox_id, e.data, e.created_at
			from (select d.workspace_id, d.position, d.event_id, d.event_created_at, d.prospect_key from delivery d
				where y.what = 'dead' and d.workspace_id = y.workspace_id and d.endpoint_id = y.endpoint_id and d.state = 'dead'
					and d.position > y.position and d.position <= y.to_position
				order by d.position limit most) x
			join event e on e.workspace_id = x.workspace_id and e.event_id = x.event_id and e.created_at = x.event_created_at) f;
	if coalesce(seen, 0) = 0 then
		update replay set state = 'done', ended_at = now(), position = to_position
			where workspace_id = y.workspace_id and replay_id = y.replay_id;
		return 1;
	end if;
	-- What of it is wanted.  A single event is wanted by whoever asked for it.
	select array_agg(w.ws), array_agg(w.ep), array_agg(w.pos), array_agg(w.ev), array_agg(w.at), array_agg(w.who)
		into ws, ep, pos, ev, at, who
		from unnest(ws, ep, pos, ev, at, who) as w (ws, ep, pos, ev, at, who)
		join event e on e.workspace_id = w.ws and e.event_id = w.ev and e.created_at = w.at
		where y.what = 'event' or ((y.types is null or endpoint_wants(w.ep, y.types, null, e.type, e.inbox_id, e.data))
			and (y.from_at is null or e.created_at >= y.from_at) and (y.to_at is null or e.created_at < y.to_at)
			and (y.what = 'dead' or endpoint_wants(w.ep, y.wants, y.inbox_ids, e.type, e.inbox_id, e.data)));
	n := 0;
	if ws is not null then
		-- A dead letter makes room for the same one, alive.
		delete from delivery d using unnest(ep, pos) as w (ep, pos)
			where d.workspace_id = y.workspace_id and d.endpoint_id = w.ep and d.position = w.pos and d.state = 'dead';
		insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at, prospect_key, replay_id)
			select w.ws, w.ep, w.pos, w.ev, w.at, w.who, y.replay_id
			from unnest(ws, ep, pos, ev, at, who) as w (ws, ep, pos, ev, at, who)
			on conflict (workspace_id, endpoint_id, position) do nothing;
		get diagnostics n = row_count;
	end if;
	update replay set position = upto, queued = queued + n where workspace_id = y.workspace_id and replay_id = y.replay_id;
	return seen;
end $$;

-- ---- what is done now and then ----

-- Prospects whose failing event held them long enough; replaced secrets whose time is over; endpoints that were removed.
-- Returns how much there was.
create function lane_tend(most int) returns int
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	n int; total int := 0; freed uuid[]; freed_who text[]; gone record;
begin
	-- While an endpoint takes nothing at all, its events are not to blame, and keep their order.
	with by as (
		update delivery d set lets_by = true
		from (select x.workspace_id, x.endpoint_id, x.position from delivery x
			join endpoint_lane l on l.workspace_id = x.workspace_id and l.endpoint_id = x.endpoint_id and l.failing_since is null
			where x.holds_until is not null and not x.lets_by and x.state = 'due' and x.holds_until <= now()
			order by x.holds_until limit most for update of x skip locked) x
		where d.workspace_id = x.workspace_id and d.endpoint_id = x.endpoint_id and d.position = x.position
		returning d.endpoint_id, d.prospect_key)
	select count(*), array_agg(by.endpoint_id), array_agg(by.prospect_key) into n, freed, freed_who from by;
	if n > 0 then
		perform delivery_follow(freed, freed_who);
		update endpoint_lane l set due_at = least(l.due_at, now()) where l.endpoint_id = any (freed);
		total := n;
	end if;
	update endpoint set sealed_secret_old = null, old_until = null where old_until < now();
	for gone in select p.workspace_id, p.endpoint_id from endpoint p where p.state = 'removed' for update skip locked loop
		delete from delivery d where d.workspace_id = gone.workspace_id and d.endpoint_id = gone.endpoint_id
			and d.position in (select x.position from delivery x where x.workspace_id = gone.workspace_id
				and x.endpoint_id = gone.endpoint_id limit most);
		get diagnostics n = row_count;
		total := total + n;
		if n = 0 then
			delete from endpoint p where p.workspace_id = gone.workspace_id and p.endpoint_id = gone.endpoint_id;
		end if;
	end loop;
	return total;
end $$;

grant insert on event, event_key, event_queue to replyd_dispatch;
grant select on event_key to replyd_dispatch; -- what is not written twice is looked for
grant execute on function event_put(uuid, text, text, bigint, uuid, uuid, jsonb) to replyd_dispatch;
grant execute on function event_id_of(text[]) to replyd_dispatch, replyd_api;
grant execute on function instant_text(timestamptz) to replyd_dispatch;
grant execute on function delivery_follow(uuid[], text[]),
	lane_take(uuid, interval, int, int, jsonb), endpoint_stop(uuid, uuid, text), lane_settle(jsonb, jsonb, interval), replay_step(int),
	lane_tend(int), feed_before(uuid, timestamptz) to replyd_dispatch;

-- What there was before: the endpoints' lanes, and who waits behind whom.  Called by the dispatchers of the version before, too,
-- which know nothing of either.
insert into endpoint_lane (workspace_id, endpoint_id, due_at) select workspace_id, endpoint_id, now() from endpoint;

-- As in 0004, for dispatchers of the version before, for as long as they run: what their receipts leave held goes on by the next take.
create or replace function delivery_take(the_claim uuid, stale interval, most int) returns table (
		workspace_id uuid, endpoint_id uuid, feed_position bigint, event_id uuid, tries int, url text, sealed_secret bytea, body text)
	language sql as $$
	select delivery_follow(array_agg(h.endpoint_id), array_agg(h.prospect_key))
		from (select d.endpoint_id, d.prospect_key from delivery d where d.state = 'held' limit 1000) h;
	with ready as (
		select p.workspace_id, c.endpoint_id, c.position
		from endpoint p cross join lateral (
			select d.endpoint_id, d.position, d.due_at
			from delivery d
			where d.endpoint_id = p.endpoint_id and d.state = 'due' and d.due_at <= now()
				and (d.claim_id is null or d.claimed_at < now() - stale)
				and (d.prospect_key is null or d.position = (select min(b.position) from delivery b
					where b.endpoint_id = d.endpoint_id and b.prospect_key = d.prospect_key and b.state in ('due', 'held')
						and b.prospect_key is not null))
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
