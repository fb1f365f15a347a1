-- What is known of blind time: proofs, gaps, probes, and each inbox's timeline.
-- Lock order goes on behind folder: inbox_proof, gap, probe.
-- works-with: 6

-- How a folder is looked at, so that a proof can say what it covers.
alter table folder
	add column seen_by text not null default '' check (seen_by in ('', 'push', 'poll', 'sweep')), -- '': not said yet
	add column seen_every_s int not null default 0 check (seen_every_s >= 0),
	add column highestmodseq bigint not null default 0; -- RFC 7162: all up to here was seen; 0: not known

-- What an inbox waits for, in words, and how far a long catching up has come.
alter table inbox_state
	add column waiting_for text not null default '',
	add column progress_done bigint,
	add column progress_of bigint; -- null: nothing long is under way

-- The newest proof of each inbox as a whole: everything that came to its watched folders before gated_through has its
-- gates committed.  Written again and again, so that nothing of it is indexed but the keys and half of a page stays free:
-- a rewrite then stays on its page and touches no index.
create table inbox_proof (
	workspace_id     uuid not null,
	inbox_id         uuid not null,
	epoch            bigint not null,         -- of the worker that proved it
	gated_through    timestamptz not null,
	ingested_through timestamptz,             -- null: not all events were ever committed
	interval_s       int not null default 60 check (interval_s > 0), -- the next proof is promised so soon
	-- Proofs of instants up to here count for no gate: a folder came to be watched, or was looked at anew, after them.
	void_until       timestamptz not null default '-infinity',
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index inbox_proof_inbox on inbox_proof (inbox_id); -- workers come by the id alone

-- So long a silence is no gap yet: two proofs and what it takes to write them.
create function proof_tolerated(the_interval_s int) returns interval
	language sql immutable parallel safe
	return make_interval(secs => 2 * the_interval_s + 5);

-- Up to which instant an inbox was seen: by its newest proof, or by what its folders committed since.  Null: never, or
-- not since a folder came to be watched.
create view inbox_seen with (security_invoker = true) as
	select i.workspace_id, i.inbox_id, f.folders,
		greatest(f.gated_through, case when p.gated_through > p.void_until then p.gated_through end) as gated_through,
		greatest(f.ingested_through, case when p.ingested_through > p.void_until then p.ingested_through end) as ingested_through
	from inbox i
	left join inbox_proof p on p.workspace_id = i.workspace_id and p.inbox_id = i.inbox_id
	cross join lateral (
		select count(*) filter (where f.role in ('inbox', 'all')) as folders, -- 0: it was never opened
			case when count(*) = count(f.gated_through) then min(f.gated_through) end as gated_through,
			case when count(*) = count(f.ingested_through) then min(f.ingested_through) end as ingested_through
		from folder f where f.inbox_id = i.inbox_id and f.role in ('inbox', 'junk', 'all')) f;

-- A span of time in which an inbox was blind.
create table gap (
	workspace_id uuid not null,
	gap_id       uuid not null,               -- derived from inbox and blind_from
	inbox_id     uuid not null,
	blind_from   timestamptz not null,        -- the last proof before
	cause        text not null,               -- stable code
	opened_at    timestamptz not null default now(),
	blind_to     timestamptz,                 -- the proof that ended it; null: still blind
	closed_at    timestamptz,
	replayed     bigint not null default 0,   -- mails that came meanwhile and were told afterwards
	vanished     bigint not null default 0,   -- UIDs that were given and are gone
	skipped      bigint not null default 0,   -- mails that the server would not give
	verified     boolean not null default false, -- every UID up to UIDNEXT of every watched folder was enumerated
	primary key (workspace_id, gap_id),
	foreign key (workspace_id, inbox_id) references inbox,
	check ((blind_to is null) = (closed_at is null))
);
create unique index gap_open on gap (workspace_id, inbox_id) where closed_at is null; -- one at a time
create index gap_inbox on gap (inbox_id, blind_from); -- an inbox's history, newest first

-- "Is everything seen up to now?"  The id is the asker's nonce.
create table probe (
	workspace_id  uuid not null,
	probe_id      uuid not null,
	inbox_id      uuid not null,
	asked_at      timestamptz not null default now(),
	answered_at   timestamptz,
	gated_through timestamptz,                -- not before asked_at
	primary key (workspace_id, probe_id),
	foreign key (workspace_id, inbox_id) references inbox,
	check ((answered_at is null) = (gated_through is null))
);
create index probe_by_id on probe (probe_id);
create index probe_open on probe (inbox_id) where answered_at is null; -- what a worker has to answer
create index probe_age on probe (asked_at); -- what housekeeping removes

-- The history of each inbox, for people.  Whole months are dropped when their time is over.
create sequence timeline_line;
create table timeline (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	noted_at     timestamptz not null,
	line         bigint not null default nextval('timeline_line'), -- order within an instant
	code         text not null,               -- stable: 'connected', 'live', 'bye', 'gap_opened' ...
	words        text not null,
	primary key (workspace_id, inbox_id, noted_at, line) -- read backwards, page by page
) partition by range (noted_at);
create table timeline_default partition of timeline default;

-- Every command that an inbox was ever sent: {"EXAMINE": {"first_at": instant, "last_at": instant}, ...}.
create table inbox_commands (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	commands     jsonb not null,
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);

call walled('inbox_proof');
call walled('gap');
call walled('probe');
call walled('timeline');
call walled('inbox_commands');
call shut('timeline_default');
call opened_to('inbox_proof', 'replyd_ingest', 'proofs of many inboxes are written in one statement');
call opened_to('gap', 'replyd_ingest', 'who writes proofs of many inboxes is told which have a gap');
call opened_to('probe', 'replyd_ingest', 'a worker answers for all its inboxes');
call opened_to('timeline', 'replyd_ingest', 'lines of many inboxes are written in one statement');
call opened_to('inbox_commands', 'replyd_ingest', 'what many inboxes were sent is written in one statement');
call opened_to('inbox_commands', 'replyd_admin', 'the command line shows what an inbox was sent');
call opened_to('inbox_proof', 'replyd_rotation', 'proofs that stopped are found over all workspaces');
call opened_to('gap', 'replyd_rotation', 'gaps are opened over all workspaces');
call opened_to('probe', 'replyd_rotation', 'old probes are removed');
call opened_to('lease', 'replyd_rotation', 'why proofs stopped');
call opened_to('inbox_proof', 'replyd_admin', 'the command line shows watermarks');
call opened_to('gap', 'replyd_admin', 'the command line shows gaps');
call opened_to('probe', 'replyd_admin', 'the command line asks for proofs');
call opened_to('timeline', 'replyd_admin', 'the command line shows the timeline');
call opened_to('inbox_grant', 'replyd_admin', 'the command line shows how an inbox is reached');

grant select, insert, update on inbox_proof to replyd_ingest;
grant select on inbox_proof to replyd_rotation, replyd_api, replyd_admin;
grant select on inbox_seen to replyd_ingest, replyd_rotation, replyd_api, replyd_admin;
grant select, insert, update on gap to replyd_ingest;
grant select, insert on gap to replyd_rotation;
grant select on gap to replyd_api, replyd_admin;
grant select, update (answered_at, gated_through) on probe to replyd_ingest;
grant select, insert on probe to replyd_api, replyd_admin;
grant select, delete on probe to replyd_rotation;
grant select, insert, update on inbox_commands to replyd_ingest;
grant select on inbox_commands to replyd_api, replyd_admin;
grant insert on timeline to replyd_ingest, replyd_rotation;
grant select on timeline to replyd_api, replyd_admin;
grant usage on sequence timeline_line to replyd_ingest, replyd_rotation;
grant select (workspace_id, inbox_id, kind, state, reason) on inbox_grant to replyd_admin;
-- Rotation opens gaps, says why, and tells it in the log.
grant select (workspace_id, inbox_id, worker_id) on lease to replyd_rotation;
grant select (worker_id, beat_at) on worker to replyd_rotation;
grant select (workspace_id, reason) on inbox_state to replyd_rotation;
grant select (workspace_id, ingested_through) on folder to replyd_rotation;
grant insert on event, event_key, event_queue to replyd_rotation;
grant execute on function event_put(uuid, text, text, bigint, uuid, uuid, jsonb) to replyd_rotation;
grant execute on function proof_tolerated(int) to replyd_ingest, replyd_rotation;

-- As event_id_of() in db/event_id.c: the id follows from the fact.
create function event_id_of(variadic parts text[]) returns uuid
	language sql immutable parallel safe as $$
	select encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid
	from (select substr(sha256(string_agg(sha256(convert_to(part, 'UTF8')), ''::bytea order by n)), 1, 16)
		from unnest(parts) with ordinality as p (part, n)) digest (h)
$$;
grant execute on function event_id_of(text[]) to replyd_ingest, replyd_rotation;

-- An instant as events show it, and as a part of their ids.
create function instant_text(at timestamptz) returns text
	language sql stable parallel safe
	return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
grant execute on function instant_text(timestamptz) to replyd_ingest, replyd_rotation, replyd_api, replyd_admin;

-- What a proof of an inbox covers: its folders by role and by how they are looked at, the slowest interval of each kind.
create function inbox_covers(the_inbox uuid) returns jsonb
	language sql stable as $$
	select coalesce(jsonb_agg(jsonb_build_object('role', k.role, 'folders', k.folders,
			'seen_by', nullif(k.seen_by, ''), 'seen_every_s', nullif(k.seen_every_s, 0)) order by k.role, k.seen_by), '[]')
	from (select f.role, f.seen_by, count(*) as folders, max(f.seen_every_s) as seen_every_s
		from folder f where f.inbox_id = the_inbox and (f.role <> 'other' or f.seen_by = 'sweep')
		group by f.role, f.seen_by) k
$$;
grant execute on function inbox_covers(uuid) to replyd_api, replyd_admin;

-- Proofs of many inboxes, at most one each.  Says which were written (not those whose lease is lost) and which of them have an
-- open gap.  A worker whose clock is ahead proves nothing that is not over by ours.  The leases are locked in the order of
-- their inboxes; a take passes over rows that are held, so none waits in a ring.
-- items: [{inbox, epoch, gated, ingested, interval_s}], instants in unix microseconds, ingested may be null
create function proofs_put(items jsonb) returns table (inbox_id uuid, has_gap boolean)
	language sql as $$
	with given as (
		select r.inbox, r.epoch, max(r.gated) as gated, max(r.ingested) as ingested, max(r.interval_s) as interval_s
		from jsonb_to_recordset(items) as r (inbox uuid, epoch bigint, gated bigint, ingested bigint, interval_s int)
		group by r.inbox, r.epoch
	), held as (
		select l.workspace_id, l.inbox_id, l.epoch, g.gated, g.ingested, g.interval_s
		from given g join lease l on l.inbox_id = g.inbox and l.epoch = g.epoch
		where l.worker_id is not null order by l.inbox_id for share of l
	), written as (
		insert into inbox_proof as p (workspace_id, inbox_id, epoch, gated_through, ingested_through, interval_s)
		select h.workspace_id, h.inbox_id, h.epoch, least(to_timestamp(h.gated / 1e6), now()),
			case when h.ingested is not null then least(to_timestamp(h.ingested / 1e6), now()) end, coalesce(h.interval_s, 60)
		from held h order by h.inbox_id
		on conflict (workspace_id, inbox_id) do update set epoch = excluded.epoch, interval_s = excluded.interval_s,
			gated_through = greatest(p.gated_through, excluded.gated_through),
			ingested_through = greatest(p.ingested_through, excluded.ingested_through)
		returning p.workspace_id, p.inbox_id
	)
	select w.inbox_id, exists (select from gap g
		where g.workspace_id = w.workspace_id and g.inbox_id = w.inbox_id and g.closed_at is null)
	from written w
$$;
grant execute on function proofs_put(jsonb) to replyd_ingest;

-- Answers to probes.  The proof was begun after the question was committed, so it holds for the instant of the question,
-- whatever the worker's clock says; and never for what is not over.  Returns how many were answered.
-- items: [{probe, inbox, epoch, gated}]
create function probes_answer(items jsonb) returns bigint
	language sql as $$
	with given as (
		select r.* from jsonb_to_recordset(items) as r (probe uuid, inbox uuid, epoch bigint, gated bigint)
	), held as (
		select l.workspace_id, l.inbox_id, l.epoch from lease l
		where l.worker_id is not null and (l.inbox_id, l.epoch) in (select inbox, epoch from given)
		order by l.inbox_id for share
	), proven as (
		select h.workspace_id, h.inbox_id, h.epoch, b.probe_id,
			greatest(b.asked_at, least(to_timestamp(g.gated / 1e6), now())) as gated_through
		from held h join given g on g.inbox = h.inbox_id and g.epoch = h.epoch
		join probe b on b.probe_id = g.probe and b.inbox_id = g.inbox and b.answered_at is null
	), written as (
		update inbox_proof p set gated_through = greatest(p.gated_through, n.gated_through)
		from (select workspace_id, inbox_id, max(gated_through) as gated_through from proven group by 1, 2) n
		where p.workspace_id = n.workspace_id and p.inbox_id = n.inbox_id
	), answered as (
		update probe b set answered_at = now(), gated_through = n.gated_through
		from proven n where b.workspace_id = n.workspace_id and b.probe_id = n.probe_id
		returning 1
	)
	select count(*) from answered
$$;
grant execute on function probes_answer(jsonb) to replyd_ingest;

-- Lines of many inboxes.  A clock that is wrong puts no line into another month.
-- items: [{workspace, inbox, at, code, words}], instants in unix microseconds
-- Lines of code 'commands' are none: they say which IMAP commands an inbox was sent.
create function timeline_put(items jsonb) returns void
	language sql as $$
	with sent as (
		select r.workspace, r.inbox, c.command, instant_text(min(least(to_timestamp(r.at / 1e6), now()))) as first_at,
			instant_text(max(least(to_timestamp(r.at / 1e6), now()))) as last_at
		from jsonb_to_recordset(items) as r (workspace uuid, inbox uuid, at bigint, code text, words text),
			string_to_table(r.words, ', ') c (command)
		where r.code = 'commands' group by 1, 2, 3
	)
	insert into inbox_commands as k (workspace_id, inbox_id, commands)
	select workspace, inbox, jsonb_object_agg(command, jsonb_build_object('first_at', first_at, 'last_at', last_at))
	from sent group by 1, 2 order by 2 -- two workers may tell of the same inboxes
	on conflict (workspace_id, inbox_id) do update set commands = k.commands || (
		select jsonb_object_agg(c.key, jsonb_build_object('last_at', c.value -> 'last_at',
			'first_at', coalesce(k.commands -> c.key -> 'first_at', c.value -> 'first_at')))
		from jsonb_each(excluded.commands) c);
	insert into timeline (workspace_id, inbox_id, noted_at, code, words)
	select r.workspace, r.inbox, greatest(least(to_timestamp(r.at / 1e6), now()), now() - interval '1 day'), r.code, r.words
	from rows from (jsonb_to_recordset(items) as (workspace uuid, inbox uuid, at bigint, code text, words text))
		with ordinality as r (workspace, inbox, at, code, words, n)
	where r.code <> 'commands'
	order by n
$$;
grant execute on function timeline_put(jsonb) to replyd_ingest;

-- What event consumers are told of a gap.
create function gap_data(g gap, address text) returns jsonb
	language sql stable as $$
	select jsonb_build_object('inbox_id', g.inbox_id, 'address', address, 'gap_id', g.gap_id,
			'blind_from', instant_text(g.blind_from), 'cause', g.cause)
		|| case when g.closed_at is null then '{}' else jsonb_build_object('blind_to', instant_text(g.blind_to),
			'replayed', g.replayed, 'vanished', g.vanished, 'skipped', g.skipped, 'verified', g.verified) end
$$;
grant execute on function gap_data(gap, text) to replyd_ingest, replyd_rotation, replyd_api, replyd_admin;

create function gap_event_id(g gap, type text) returns uuid
	language sql stable
	return event_id_of(g.workspace_id::text, g.inbox_id::text, type, instant_text(g.blind_from));
grant execute on function gap_event_id(gap, text) to replyd_ingest, replyd_rotation;

-- Inboxes whose proofs have stopped and for which no gap is open.  One walk over the proofs; everything else is looked up for
-- those that are stale, one by one ("limit 1"), of which there are usually none.
create function gaps_due(most int) returns table (workspace_id uuid, inbox_id uuid, address text, blind_from timestamptz, cause text)
	language sql stable as $$
	select p.workspace_id, p.inbox_id, i.address, f.seen,
		case
			when s.state = 'reauth_required' then s.state
			when l.worker_id is null then case when s.state = 'unwatched' and s.reason <> '' then s.reason else 'unwatched' end
			when l.beat_at < now() - interval '15 seconds' then 'worker_gone'
			when s.state = 'live' then 'no_proof'
			else coalesce(nullif(s.reason, ''), s.state, 'unwatched') end
	from inbox_proof p
	cross join lateral (select b.address from inbox b where b.workspace_id = p.workspace_id and b.inbox_id = p.inbox_id
		and b.admin_state = 'enabled' limit 1) i
	-- What all folders committed counts too.
	cross join lateral (select greatest(p.gated_through, case when count(*) = count(d.gated_through) then min(d.gated_through) end)
		from folder d where d.inbox_id = p.inbox_id and d.role in ('inbox', 'junk', 'all')) f (seen)
	left join lateral (select t.state, t.reason from inbox_state t where t.inbox_id = p.inbox_id limit 1) s on true
	left join lateral (select e.worker_id, w.beat_at from lease e left join worker w on w.worker_id = e.worker_id
		where e.inbox_id = p.inbox_id limit 1) l on true
	where p.gated_through < now() - proof_tolerated(p.interval_s) and f.seen < now() - proof_tolerated(p.interval_s)
		and not exists (select from gap g
			where g.workspace_id = p.workspace_id and g.inbox_id = p.inbox_id and g.closed_at is null)
	limit most
$$;
grant execute on function gaps_due(int) to replyd_rotation;

-- Open gaps for them, at most so many at a time, and say so in the event log and on the timeline.  Whoever closes a gap holds
-- the same lock, shared: a gap is not opened behind the back of the proof that ends it.
create function gaps_open(most int) returns bigint
	language plpgsql as $$
declare
	w record; n bigint; total bigint := 0;
begin
	perform pg_advisory_xact_lock(hashtextextended('replyd.gaps', 0));
	for w in
		select d.workspace_id as id, array_agg(d.inbox_id) as inboxes, array_agg(d.address) as addresses,
			array_agg(d.blind_from) as blind, array_agg(d.cause) as causes
		from gaps_due(most) d group by d.workspace_id
	loop
		-- Events are written inside the walls of their workspace.
		perform set_config('replyd.workspace', w.id::text, true);
		with due as (
			select * from unnest(w.inboxes, w.addresses, w.blind, w.causes) as u (inbox_id, address, blind_from, cause)
		), fresh as (
			insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause)
			select w.id, event_id_of(w.id::text, d.inbox_id::text, 'gap', instant_text(d.blind_from)), d.inbox_id, d.blind_from, d.cause
			from due d on conflict do nothing
			returning gap.*
		), noted as (
			insert into timeline (workspace_id, inbox_id, noted_at, code, words)
			select w.id, f.inbox_id, now(), 'gap_opened', 'nothing is proven since ' || instant_text(f.blind_from) || ' (' || f.cause || ')'
			from fresh f
		)
		select count(event_put(gap_event_id(f, 'inbox.gap.opened'), 'inbox.gap.opened', null, null, f.inbox_id, null,
				gap_data(f, d.address)))
			into n from fresh f join due d on d.inbox_id = f.inbox_id;
		total := total + n;
	end loop;
	return total;
end $$;
grant execute on function gaps_open(int) to replyd_rotation;

-- Everything was seen again.  `facts`: {blind_from, blind_to, replayed, vanished, skipped, verified, tolerated_ms, cause},
-- instants in unix microseconds.  True: there was a gap, opened by rotation or too long to be passed over, and the log says so.
-- The proof that ends it is written in the same breath.  Repeating it changes nothing.
create function gap_close(the_inbox uuid, the_epoch bigint, facts jsonb) returns boolean
	language plpgsql as $$
declare
	ws uuid := workspace_now(); f record; g gap; blind_start timestamptz; blind_end timestamptz; the_address text;
begin
	perform fence(the_inbox, the_epoch);
	perform pg_advisory_xact_lock_shared(hashtextextended('replyd.gaps', 0));
	select * into f from jsonb_to_record(facts) as r (blind_from bigint, blind_to bigint, replayed bigint, vanished bigint,
		skipped bigint, verified boolean, tolerated_ms bigint, cause text);
	blind_end := least(timestamptz 'epoch' + f.blind_to * interval '1 microsecond', now());
	blind_start := least(timestamptz 'epoch' + f.blind_from * interval '1 microsecond', blind_end);
	insert into inbox_proof as p (workspace_id, inbox_id, epoch, gated_through) values (ws, the_inbox, the_epoch, blind_end)
		on conflict (workspace_id, inbox_id) do update set epoch = excluded.epoch,
			gated_through = greatest(p.gated_through, excluded.gated_through);
	select b.address into the_address from inbox b where b.workspace_id = ws and b.inbox_id = the_inbox;
	select * into g from gap where gap.workspace_id = ws and gap.inbox_id = the_inbox and gap.closed_at is null for update;
	if not found then
		if exists (select from gap where gap.workspace_id = ws and gap.inbox_id = the_inbox and gap.blind_to >= blind_end) then
			return true; -- told before
		end if;
		if blind_end - blind_start <= f.tolerated_ms * interval '1 millisecond' then
			return false;
		end if;
		insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause)
			values (ws, event_id_of(ws::text, the_inbox::text, 'gap', instant_text(blind_start)), the_inbox, blind_start, f.cause)
			on conflict (workspace_id, gap_id) do nothing
			returning * into g;
		if not found then
			return true; -- the same span, told before
		end if;
		perform event_put(gap_event_id(g, 'inbox.gap.opened'), 'inbox.gap.opened', null, null, the_inbox, null, gap_data(g, the_address));
	end if;
	-- A gap of an inbox whose proofs went on after all is over with the newest of them.
	update gap set blind_to = greatest(blind_end, g.blind_from), closed_at = now(), replayed = f.replayed,
			vanished = f.vanished, skipped = f.skipped, verified = f.verified
		where gap.workspace_id = ws and gap.gap_id = g.gap_id
		returning * into g;
	perform event_put(gap_event_id(g, 'inbox.gap.closed'), 'inbox.gap.closed', null, null, the_inbox, null, gap_data(g, the_address));
	insert into timeline (workspace_id, inbox_id, noted_at, code, words) values (ws, the_inbox, now(), 'gap_closed',
		format('blind from %s to %s (%s): %s made up, %s gone before anybody looked, %s not given; %s', instant_text(g.blind_from),
			instant_text(g.blind_to), g.cause, g.replayed, g.vanished, g.skipped,
			case when g.verified then 'every mail was enumerated' else 'not every mail could be enumerated' end));
	return true;
end $$;
grant execute on function gap_close(uuid, bigint, jsonb) to replyd_ingest;

-- Months ahead for the big tables, as before, and for the timeline.
create or replace procedure partitions_ensure(months int) language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	parent text; instant text; m int; first date; name text; lower text; upper text;
begin
	foreach parent in array array['outbound', 'message', 'event', 'attempt', 'timeline'] loop
		instant := case parent when 'attempt' then 'started_at' when 'timeline' then 'noted_at' else 'created_at' end;
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

-- Months of the timeline that are older than this as a whole are dropped.  Who holds one up is waited for a moment only:
-- there is a next time.
create procedure timeline_forget(age interval) language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	month record;
begin
	set local lock_timeout = '2s';
	for month in
		select c.oid::regclass as part from pg_inherits h join pg_class c on c.oid = h.inhrelid
		where h.inhparent = 'replyd.timeline'::regclass and c.relname ~ '^timeline_\d{4}_\d{2}$'
			and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= (now() at time zone 'UTC') - age
	loop
		execute format('drop table %s', month.part);
	end loop;
end $$;
grant execute on procedure timeline_forget(interval) to replyd_rotation;

-- As before, and probes that nobody waits for any more.
create or replace function housekeeping(trace_age interval) returns bigint language plpgsql as $$
declare
	n bigint; total bigint := 0; portion constant int := 20000;
begin
	delete from trace t using (
		select workspace_id, digest, folder_id, uidvalidity, uid from trace
		where seen_at < now() - trace_age order by seen_at limit portion) old
	where (t.workspace_id, t.digest, t.folder_id, t.uidvalidity, t.uid)
		= (old.workspace_id, old.digest, old.folder_id, old.uidvalidity, old.uid);
	get diagnostics n = row_count; total := total + n;
	delete from outbound_key k using (
		select workspace_id, digest from outbound_key
		where outbound_id is null and touched_at < now() - trace_age order by touched_at limit portion for update skip locked) old
	where (k.workspace_id, k.digest) = (old.workspace_id, old.digest);
	get diagnostics n = row_count; total := total + n;
	delete from probe b using (
		select workspace_id, probe_id from probe where asked_at < now() - interval '1 day' order by asked_at limit portion) old
	where (b.workspace_id, b.probe_id) = (old.workspace_id, old.probe_id);
	get diagnostics n = row_count; total := total + n;
	delete from connect_link where expires_at < now() - interval '30 days';
	get diagnostics n = row_count;
	return total + n;
end $$;

-- As before; a watermark is what was seen effectively, and gaps are counted.
create or replace procedure metrics_count() language plpgsql as $$
begin
	if not pg_try_advisory_xact_lock(hashtextextended('replyd.metrics', 0)) then
		return; -- another rotation counts
	end if;
	delete from metric;
	insert into metric (name, label, label_value, value)
	select 'replyd_inboxes', 'state', s.state, count(i.inbox_id)
		from unnest(array['new', 'connecting', 'catching_up', 'live', 'backing_off', 'reauth_required', 'held', 'unwatched']) as s (state)
		left join (select t.state, t.inbox_id from inbox_state t join inbox b on b.workspace_id = t.workspace_id
			and b.inbox_id = t.inbox_id and b.admin_state <> 'removed') i on i.state = s.state
		group by s.state
	union all
	select 'replyd_watermark_lag_seconds_max', '', '', coalesce(max(extract(epoch from now() - p.gated_through)), 0)
		from inbox_proof p join inbox_state i on i.inbox_id = p.inbox_id and i.state = 'live'
	union all
	select 'replyd_gaps_open', '', '', count(*) from gap g join inbox b on b.workspace_id = g.workspace_id
		and b.inbox_id = g.inbox_id where g.closed_at is null and b.admin_state <> 'removed'
	union all
	select 'replyd_events_positioned', '', '', coalesce(sum(position), 0) from feed_head
	union all
	select 'replyd_events_waiting', '', '', count(*) from event_queue
	union all
	select 'replyd_deliveries', 'state', s.state, count(d.state) from unnest(array['due', 'dead']) as s (state)
		left join delivery d on d.state = s.state group by s.state
	union all
	select 'replyd_delivery_oldest_due_seconds', '', '', coalesce(max(extract(epoch from now() - due_at)), 0)
		from delivery where state = 'due' and due_at <= now()
	union all
	select 'replyd_token_requests_waiting', '', '', count(*) from token_request;
end $$;

-- Inboxes that were live before there were proofs of this kind: what their folders had seen then.
alter table inbox_state no force row level security;
alter table folder no force row level security;
alter table inbox_proof no force row level security;
insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through, ingested_through)
	select f.workspace_id, f.inbox_id, 0, min(f.gated_through), min(f.ingested_through)
	from folder f join inbox_state s on s.inbox_id = f.inbox_id and s.live_at is not null
	where f.role in ('inbox', 'junk') group by f.workspace_id, f.inbox_id having count(*) = count(f.gated_through);
alter table inbox_state force row level security;
alter table folder force row level security;
alter table inbox_proof force row level security;
