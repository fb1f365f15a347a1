-- The transactions of many inboxes in one: what gate_close(), folder_advance() and message_settle() do for one batch of
-- one inbox, these do for a group of them, in statements over sets.  Each job is told what became of it; one that has
-- lost its lease, or whose folder is another by now, is told so and disturbs nobody.
--
-- Order of locks, over the whole group: leases by inbox, keys of new messages, gates by workspace and key, messages, events,
-- folders by inbox and id.
--
-- Plans are made once in a session, mostly while tables are small or empty; without sequential scans, and with what is asked of
-- a table apart from the rest, they are the right ones for as long as the session lives.
-- works-with: 9

-- A group spans workspaces.  It names those it is about, and sees no others.
create function workspaces_now() returns uuid[]
	language sql stable parallel safe
	return coalesce(nullif(current_setting('replyd.workspaces', true), ''), '{}')::uuid[];
grant execute on function workspaces_now() to replyd_ingest;

create procedure named_by(target regclass, batcher regrole, why text) language plpgsql as $$
begin
	execute format('create policy %I on %s to %s using (workspace_id = any ((select workspaces_now())::uuid[]))'
		' with check (workspace_id = any ((select workspaces_now())::uuid[]))', 'named_' || batcher::text, target, batcher);
	execute format('comment on policy %I on %s is %L', 'named_' || batcher::text, target, why);
end $$;
call named_by('outbound', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('outbound_key', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('gate', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('gate_pending', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('message', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('message_key', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('sighting', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('event', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('event_key', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call named_by('event_queue', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
grant select on event_key to replyd_ingest; -- what is not written twice is looked for

-- outbound_find() for many jobs: [{job, workspace_id, digests: [hex]}]
create function gather_find(jobs jsonb) returns table (
		job int, digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz)
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	perform set_config('replyd.workspaces', (select array_agg(distinct j.workspace_id)::text
		from jsonb_to_recordset(jobs) as j (workspace_id uuid)), true);
	return query
		select j.job, f.*
		from jsonb_to_recordset(jobs) as j (job int, workspace_id uuid, digests jsonb)
		cross join lateral (select distinct decode(x.d, 'hex') as d from jsonb_array_elements_text(j.digests) as x (d)) g
		-- Apart, or the planner, who takes arrays for long, reads whole tables.
		cross join lateral (
			select k.digest, o.outbound_id, o.inbox_id, o.sequence, o.step, o.prospect_key, o.prospect_address, o.message_id, o.sent_at
			from outbound_key k
			join outbound o on o.workspace_id = k.workspace_id and o.outbound_id = k.outbound_id
				and o.created_at = k.outbound_created_at
			where k.workspace_id = j.workspace_id and k.digest = g.d offset 0) f;
end $$;
grant execute on function gather_find(jsonb) to replyd_ingest;

-- Looked up by the mail and by the prospect.  While it looks empty, which it mostly does, either index costs the same for both, and
-- whoever took the wrong one would read all of a workspace once there is a backlog: who does not name a column has no index with it.
alter table gate_pending drop constraint gate_pending_pkey;
drop index gate_pending_message;
create unique index gate_pending_prospect on gate_pending (workspace_id, prospect_key, message_id) where prospect_key is not null;
create index gate_pending_message on gate_pending (workspace_id, message_id) where message_id is not null;

-- One batch of one inbox.  Of an inbox there is one job in a group at the most.
create type gather_job as (job int, workspace_id uuid, inbox_id uuid, epoch bigint,
	-- The mark: where its folder's watermarks go; null folder_id: they stay.
	folder_id uuid, uidvalidity bigint, uid_gated bigint, gated_at timestamptz, uid_ingested bigint, ingested_at timestamptz);
create type gather_item as (job int, folder_id uuid, uidvalidity bigint, uid bigint, message_id uuid, prospect_keys text[],
	header_message_id text, sender text, subject text, internal_at timestamptz, size_bytes bigint, matches jsonb,
	detected_at timestamptz, recovered boolean,
	workspace_id uuid, inbox_id uuid); -- of its job: filled in here
create type gather_verdict as (job int, message_id uuid, prospect_keys text[], state text, kind text, confidence real, snippet text,
	evidence jsonb, matches jsonb, return_at timestamptz, level smallint, reason text, hold_until timestamptz,
	event_id uuid, event_type text, event_data jsonb,
	workspace_id uuid, inbox_id uuid);

-- The jobs whose leases are held; others are fenced off.
create function gather_fence(jobs gather_job[]) returns gather_job[]
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	held gather_job[];
begin
	perform set_config('replyd.workspaces', (select array_agg(distinct j.workspace_id)::text from unnest(jobs) j), true);
	with h as (
		-- Whether somebody holds them is looked at afterwards: asked of the table, it goes by the index of the holders.
		select l.inbox_id, l.epoch, l.worker_id from lease l
		where l.inbox_id = any (array(select j.inbox_id from unnest(jobs) j)) order by l.inbox_id for share)
	select array_agg(row(j.*)::gather_job) into held
		from unnest(jobs) j join h on h.inbox_id = j.inbox_id and h.epoch = j.epoch and h.worker_id is not null;
	return coalesce(held, '{}');
end $$;
grant execute on function gather_fence(gather_job[]) to replyd_ingest;

-- The watermarks, as folder_advance() moves them; the jobs whose folder was there under its UIDVALIDITY.  In the order of their
-- inboxes: gates of some mails are closed while the events of others are written.
create function gather_marks(jobs gather_job[]) returns int[]
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
	set plan_cache_mode = force_generic_plan as $$
declare
	moved int[];
begin
	with m as (
		update folder f set
			uid_gated = greatest(f.uid_gated, j.uid_gated),
			uid_ingested = least(greatest(f.uid_ingested, j.uid_ingested), greatest(f.uid_gated, j.uid_gated)),
			gated_through = greatest(f.gated_through, least(j.gated_at, now())),
			ingested_through = greatest(f.ingested_through, least(j.ingested_at, now()))
		from (select * from unnest(jobs) order by inbox_id, folder_id) j
		where f.folder_id = j.folder_id and f.inbox_id = j.inbox_id and f.uidvalidity = j.uidvalidity
		returning j.job)
	select array_agg(m.job) into moved from m;
	return coalesce(moved, '{}');
end $$;
grant execute on function gather_marks(gather_job[]) to replyd_ingest;

-- Of what transaction 1 brings, that which was seen before: its gates, which are ours, are closed again while it is pending.
create function gather_known(items gather_item[], fresh uuid[]) returns table (job int, uid bigint, was text)
	language sql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
	-- Locked: whoever settles it meanwhile must not miss the gates we close for it.
	with known as materialized (
		select m.workspace_id, m.message_id, m.state
		from (select distinct i.workspace_id, i.message_id from unnest(items) i where i.message_id <> all (fresh)
			order by i.workspace_id, i.message_id) o
		cross join lateral (
			select n.workspace_id, n.message_id, n.state from message_key k
			join message n on n.workspace_id = k.workspace_id and n.message_id = k.message_id and n.created_at = k.message_created_at
			where k.workspace_id = o.workspace_id and k.message_id = o.message_id for update of n) m
	), said as materialized (
		select i.*, case n.state when 'pending' then 'pending' else 'done' end as was
		from unnest(items) i join known n on n.workspace_id = i.workspace_id and n.message_id = i.message_id
	), seen as (
		insert into sighting (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid)
		select s.workspace_id, s.message_id, s.inbox_id, s.folder_id, s.uidvalidity, s.uid from said s
		on conflict do nothing
	), awaited as (
		insert into gate_pending (workspace_id, prospect_key, message_id)
		select distinct s.workspace_id, k, s.message_id from said s, unnest(s.prospect_keys) k where s.was = 'pending'
		on conflict do nothing
	), closed as (
		insert into gate as g (workspace_id, prospect_key, level, reason, message_id, closed_at)
		select distinct on (s.workspace_id, k) s.workspace_id, k, 2, 'provisional', s.message_id, now()
		from said s, unnest(s.prospect_keys) k where s.was = 'pending' order by s.workspace_id, k, s.message_id desc
		on conflict (workspace_id, prospect_key) do update set level = 2, reason = 'provisional',
			message_id = excluded.message_id, closed_at = coalesce(g.closed_at, now()), updated_at = now()
		where g.level < 2
	)
	select s.job, s.uid, s.was from said s
$$;
grant execute on function gather_known(gather_item[], uuid[]) to replyd_ingest;

-- Transaction 1 of many batches.
-- jobs, items: as the types above.  A row per job: said 'done', 'fenced' or 'stale', and per item: uid, was.
create function gather_close(jobs_given jsonb, items_given jsonb) returns table (job int, said text, uid bigint, was text)
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	jobs gather_job[]; held gather_job[]; items gather_item[]; fresh uuid[]; moved int[];
begin
	select array_agg(row(j.*)::gather_job order by j.job) into jobs from jsonb_populate_recordset(null::gather_job, jobs_given) j;
	held := gather_fence(jobs);
	select array_agg(row(i.job, i.folder_id, i.uidvalidity, i.uid, i.message_id, i.prospect_keys, i.header_message_id, i.sender,
			i.subject, i.internal_at, i.size_bytes, i.matches, i.detected_at, i.recovered, h.workspace_id, h.inbox_id)::gather_item
			order by h.workspace_id, i.message_id, i.job) into items
		from jsonb_populate_recordset(null::gather_item, items_given) i join unnest(held) h on h.job = i.job;
	if items is not null then
		with made as (
			insert into message_key (workspace_id, message_id, message_created_at)
			select distinct on (i.workspace_id, i.message_id) i.workspace_id, i.message_id, now()
			from unnest(items) i order by i.workspace_id, i.message_id
			on conflict do nothing returning message_id)
		select array_agg(m.message_id) into fresh from made m;
		fresh := coalesce(fresh, '{}');
		-- Every gate is there and ours, and closed where the mail is new: a conflicting row is locked also where it stays as it is.
		insert into gate as g (workspace_id, prospect_key, level, reason, message_id, closed_at)
			select distinct on (i.workspace_id, k) i.workspace_id, k, case when i.is_new then 2 else 0 end,
				case when i.is_new then 'provisional' else '' end, case when i.is_new then i.message_id end,
				case when i.is_new then now() end
			from (select o.*, o.message_id = any (fresh) as is_new from unnest(items) o) i, unnest(i.prospect_keys) k
			order by i.workspace_id, k, i.is_new desc, i.message_id desc
			on conflict (workspace_id, prospect_key) do update set level = 2, reason = 'provisional',
				message_id = excluded.message_id, closed_at = coalesce(g.closed_at, now()), updated_at = now()
			where excluded.level = 2 and g.level < 2;
		-- The same mail may come in several jobs: the lowest of them has the message.
		return query
			with given as materialized (
				select i.*, row_number() over (partition by i.workspace_id, i.message_id order by i.job) as nth
				from unnest(items) i where i.message_id = any (fresh)
			), written as (
				insert into message (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid, state, prospect_key,
					header_message_id, sender, subject, internal_at, size_bytes, matches, recovered, detected_at)
				select g.workspace_id, g.message_id, g.inbox_id, g.folder_id, g.uidvalidity, g.uid, 'pending', g.prospect_keys[1],
					g.header_message_id, g.sender, g.subject, g.internal_at, g.size_bytes, g.matches, g.recovered, g.detected_at
				from given g where g.nth = 1
			), seen as (
				insert into sighting (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid)
				select g.workspace_id, g.message_id, g.inbox_id, g.folder_id, g.uidvalidity, g.uid from given g
				on conflict do nothing
			), awaited as (
				insert into gate_pending (workspace_id, prospect_key, message_id)
				select g.workspace_id, k, g.message_id from given g, unnest(g.prospect_keys) k
				on conflict do nothing
			)
			select g.job, null::text, g.uid, case when g.nth = 1 then 'new' else 'pending' end from given g;
		if exists (select from unnest(items) i where i.message_id <> all (fresh)) then
			return query select k.job, null::text, k.uid, k.was from gather_known(items, fresh) k;
		end if;
	end if;
	moved := gather_marks(held);
	return query
		select j.job, case when h.job is null then 'fenced' when j.folder_id is null or j.job = any (moved) then 'done' else 'stale' end,
			null::bigint, null::text
		from unnest(jobs) j left join unnest(held) h on h.job = j.job;
end $$;
grant execute on function gather_close(jsonb, jsonb) to replyd_ingest;

-- The messages of these verdicts, as far as they are pending and about that prospect; the jobs whose are written.
create function gather_messages(verdicts gather_verdict[]) returns int[]
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	v record; written int[] := '{}'; gone int;
begin
	-- One by one: joined, a month that looks empty would be read whole for its one row.
	for v in
		select i.*, k.message_created_at
		from unnest(verdicts) i cross join lateral (
			select k.message_created_at from message_key k where k.workspace_id = i.workspace_id and k.message_id = i.message_id offset 0) k
		order by i.workspace_id, i.message_id
	loop
		update message m set state = v.state, kind = v.kind, confidence = v.confidence, snippet = v.snippet, evidence = v.evidence,
				matches = v.matches, return_at = v.return_at, ingested_at = clock_timestamp()
			where m.workspace_id = v.workspace_id and m.message_id = v.message_id and m.created_at = v.message_created_at
				and m.ingested_at is null and m.prospect_key = v.prospect_keys[1];
		if found then
			written := written || v.job;
		end if;
	end loop;
	-- Another statement: it sees what closed a gate for one of them while its lock was waited for.
	delete from gate_pending c where c.ctid = any (array(
		select p.ctid from unnest(verdicts) i cross join lateral (
			select p.ctid from gate_pending p where p.workspace_id = i.workspace_id and p.message_id = i.message_id offset 0) p
		where i.job = any (written)));
	get diagnostics gone = row_count;
	if gone <> cardinality(written) then
		raise exception 'a message closed another gate meanwhile' using errcode = 'serialization_failure';
	end if;
	return written;
end $$;
grant execute on function gather_messages(gather_verdict[]) to replyd_ingest;

-- Transaction 2 of many mails, one per job.  said: 'done', 'fenced', 'stale', or 'again': it closed another gate meanwhile, or is
-- not there; asked once more, alone, it is told why.
create function gather_settle(jobs_given jsonb, verdicts_given jsonb) returns table (job int, said text, was_new boolean)
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	jobs gather_job[]; held gather_job[]; verdicts gather_verdict[]; plain gather_verdict[]; v gather_verdict; h gather_job;
	easy int[]; odd int[] := '{}'; new_ones int[] := '{}'; moved int[]; is_new boolean;
begin
	select array_agg(row(j.*)::gather_job order by j.job) into jobs from jsonb_populate_recordset(null::gather_job, jobs_given) j;
	held := gather_fence(jobs);
	select array_agg(row(i.job, i.message_id, i.prospect_keys, i.state, i.kind, i.confidence, i.snippet, i.evidence, i.matches,
			i.return_at, i.level, i.reason, i.hold_until, i.event_id, i.event_type, i.event_data,
			x.workspace_id, x.inbox_id)::gather_verdict
			order by x.workspace_id, i.message_id, i.job) into verdicts
		from jsonb_populate_recordset(null::gather_verdict, verdicts_given) i join unnest(held) x on x.job = i.job;
	if verdicts is not null then
		-- The gates of the verdicts, and those that were closed for these messages, are locked; a conflicting row is, and stays as it is.
		insert into gate as g (workspace_id, prospect_key)
			select i.workspace_id, k from unnest(verdicts) i, unnest(i.prospect_keys) k
			union select i.workspace_id, c.prospect_key from unnest(verdicts) i cross join lateral (
				select p.prospect_key from gate_pending p
				where p.workspace_id = i.workspace_id and p.message_id = i.message_id offset 0) c
			order by 1, 2
			on conflict (workspace_id, prospect_key) do update set level = g.level where false;
		-- Plain is a mail about one prospect, whose gate no other mail of the group touches.
		select array_agg(i.job) into easy
			from (select o.job, o.workspace_id, o.message_id, o.prospect_keys[1] as key, cardinality(o.prospect_keys) as n,
					count(*) over (partition by o.workspace_id, o.message_id) as together from unnest(verdicts) o) i
			join (select o.workspace_id, k as key, count(*) as n from unnest(verdicts) o, unnest(o.prospect_keys) k group by 1, 2) t
				on t.workspace_id = i.workspace_id and t.key = i.key
			where i.n = 1 and i.together = 1 and t.n = 1
				and array(select c.prospect_key from gate_pending c
					where c.workspace_id = i.workspace_id and c.message_id = i.message_id) = array[i.key];
		select array_agg(o) into plain from unnest(verdicts) o where o.job = any (easy);
		if plain is not null then
			easy := gather_messages(plain);
			with made as materialized (
				insert into event_key (workspace_id, event_id, event_created_at)
				select p.workspace_id, p.event_id, now() from unnest(plain) p where p.job = any (easy)
				order by p.workspace_id, p.event_id
				on conflict do nothing returning event_id
			), given as materialized (
				select p.*, p.event_id = any (array(select m.event_id from made m)) as is_new
				from unnest(plain) p where p.job = any (easy)
			), judged as materialized (
				-- All of these gates are there: what is inserted is what the verdict says, over what the gate is.
				insert into gate as g (workspace_id, prospect_key, level, reason, message_id, hold_until, events)
				select p.workspace_id, p.prospect_keys[1], p.level, p.reason, p.message_id, p.hold_until, p.is_new::int from given p
				on conflict (workspace_id, prospect_key) do update set
					(level, reason, message_id, hold_until, hold_message_id, closed_at) = (
						select greatest(r.rest, excluded.level),
							case when excluded.level > r.rest then excluded.reason when r.rest >= 3 then g.reason
								when r.rest = 2 then 'provisional' when r.rest = 1 then 'out_of_office' else '' end,
							case when excluded.level > r.rest then excluded.message_id when r.rest >= 3 then g.message_id
								when r.rest = 2 then r.other when r.rest = 1 then r.hold_by end,
							r.hold, r.hold_by,
							case when greatest(r.rest, excluded.level) > 0 then coalesce(g.closed_at, now()) end
						from (
							select n.hold, n.hold_by, n.other,
								(case when g.level >= 3 then g.level when n.other is not null then 2 when n.hold > now() then 1
									else 0 end)::smallint as rest
							from (
								-- Another mail that is still pending keeps the gate provisional.
								select (select c.message_id from gate_pending c
										where c.workspace_id = g.workspace_id and c.prospect_key = g.prospect_key limit 1) as other,
									case when n.is_later then excluded.hold_until else g.hold_until end as hold,
									case when n.is_later then excluded.message_id else g.hold_message_id end as hold_by
								from (select excluded.hold_until > coalesce(g.hold_until, '-infinity') as is_later) n) n) r),
					events = g.events + excluded.events, updated_at = now()
				returning g.workspace_id, g.prospect_key, g.events, g.level, g.reason
			), told as materialized (
				select p.*, j.events, j.level as now_level, j.reason as now_reason
				from given p join judged j on j.workspace_id = p.workspace_id and j.prospect_key = p.prospect_keys[1] where p.is_new
			), written as (
				insert into event (workspace_id, event_id, type, prospect_key, prospect_seq, inbox_id, message_id, data)
				select t.workspace_id, t.event_id, t.event_type, t.prospect_keys[1], t.events, t.inbox_id, t.message_id,
					t.event_data || jsonb_build_object(
						'prospect', (t.event_data -> 'prospect') || jsonb_build_object('seq', t.events),
						'gate', jsonb_build_object('level', t.now_level, 'reason', t.now_reason))
				from told t
			), queued as (
				insert into event_queue (workspace_id, event_id, event_created_at)
				select t.workspace_id, t.event_id, now() from told t
			)
			select coalesce(array_agg(t.job), '{}') into new_ones from told t;
		end if;
		-- The others one after the other, as ever; what goes wrong with one is no matter of the rest.
		if cardinality(easy) is distinct from cardinality(verdicts) then
			foreach v in array verdicts loop
				continue when v.job = any (easy);
				select x.* into h from unnest(held) x where x.job = v.job;
				perform set_config('replyd.workspace', v.workspace_id::text, true);
				begin
					select s.was_new into is_new from message_settle(h.inbox_id, h.epoch, to_jsonb(v)) s;
					if is_new then
						new_ones := new_ones || v.job;
					end if;
				exception when others then
					odd := odd || v.job;
				end;
			end loop;
			perform set_config('replyd.workspace', '', true);
		end if;
	end if;
	if odd <> '{}' then
		select array_agg(row(x.*)::gather_job) into held from unnest(held) x where x.job <> all (odd);
	end if;
	moved := gather_marks(coalesce(held, '{}'));
	return query
		select j.job, case when j.job = any (odd) then 'again' when x.job is null then 'fenced'
				when j.folder_id is null or j.job = any (moved) then 'done' else 'stale' end,
			j.job = any (new_ones)
		from unnest(jobs) j left join unnest(coalesce(held, '{}')) x on x.job = j.job;
end $$;
grant execute on function gather_settle(jsonb, jsonb) to replyd_ingest;
