-- The transactions of many inboxes in one: what gate_close(), folder_advance() and message_settle() do for one batch of
-- one inbox, these do for a group of them, in statements over sets.  Each job is told what became of it; one that has
-- lost its lease, or whose folder is another by now, is told so and disturbs nobody.
--
-- Order of locks, over the whole group: leases by inbox, gates by workspace and key, messages, events, folders.

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
	language plpgsql as $$
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
	language plpgsql as $$
declare
	held gather_job[];
begin
	perform set_config('replyd.workspaces', (select array_agg(distinct j.workspace_id)::text from unnest(jobs) j), true);
	with h as (
		select l.inbox_id, l.epoch from lease l
		where l.inbox_id = any (array(select j.inbox_id from unnest(jobs) j)) and l.worker_id is not null
		order by l.inbox_id for share)
	select array_agg(row(j.*)::gather_job) into held
		from unnest(jobs) j join h on h.inbox_id = j.inbox_id and h.epoch = j.epoch;
	return coalesce(held, '{}');
end $$;
grant execute on function gather_fence(gather_job[]) to replyd_ingest;

-- Every gate that is touched is there, and ours: made in order, then locked in order (two groups never wait in a ring).
create function gather_gates(workspaces uuid[], keys text[]) returns void
	language plpgsql as $$
begin
	insert into gate (workspace_id, prospect_key)
		select distinct w, k from unnest(workspaces, keys) as u (w, k) order by w, k
		on conflict do nothing;
	perform 1 from gate g
		join (select distinct w, k from unnest(workspaces, keys) as u (w, k)) t on g.workspace_id = t.w and g.prospect_key = t.k
		order by g.workspace_id, g.prospect_key for update of g;
end $$;
grant execute on function gather_gates(uuid[], text[]) to replyd_ingest;

-- The watermarks, as folder_advance() moves them; the jobs whose folder was there under its UIDVALIDITY.
create function gather_marks(jobs gather_job[]) returns int[]
	language plpgsql as $$
declare
	moved int[];
begin
	with m as (
		update folder f set
			uid_gated = greatest(f.uid_gated, j.uid_gated),
			uid_ingested = least(greatest(f.uid_ingested, j.uid_ingested), greatest(f.uid_gated, j.uid_gated)),
			gated_through = greatest(f.gated_through, least(j.gated_at, now())),
			ingested_through = greatest(f.ingested_through, least(j.ingested_at, now()))
		from unnest(jobs) j
		where f.folder_id = j.folder_id and f.inbox_id = j.inbox_id and f.uidvalidity = j.uidvalidity
		returning j.job)
	select array_agg(m.job) into moved from m;
	return coalesce(moved, '{}');
end $$;
grant execute on function gather_marks(gather_job[]) to replyd_ingest;

-- Transaction 1 of many batches.
-- jobs, items: as the types above.  A row per job: said 'done', 'fenced' or 'stale', and per item: uid, was.
create function gather_close(jobs_given jsonb, items_given jsonb) returns table (job int, said text, uid bigint, was text)
	language plpgsql as $$
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
		perform gather_gates(array_agg(i.workspace_id), array_agg(k)) from unnest(items) i, unnest(i.prospect_keys) k;
		-- The same mail may come in several jobs: the lowest of them has the message.
		with made as (
			insert into message_key (workspace_id, message_id, message_created_at)
			select distinct on (i.workspace_id, i.message_id) i.workspace_id, i.message_id, now()
			from unnest(items) i order by i.workspace_id, i.message_id
			on conflict do nothing returning message_id)
		select array_agg(m.message_id) into fresh from made m;
		fresh := coalesce(fresh, '{}');
		insert into message (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid, state, prospect_key,
				header_message_id, sender, subject, internal_at, size_bytes, matches, recovered, detected_at)
			select distinct on (i.workspace_id, i.message_id) i.workspace_id, i.message_id, i.inbox_id, i.folder_id, i.uidvalidity,
				i.uid, 'pending', i.prospect_keys[1], i.header_message_id, i.sender, i.subject, i.internal_at, i.size_bytes,
				i.matches, i.recovered, i.detected_at
			from unnest(items) i where i.message_id = any (fresh)
			order by i.workspace_id, i.message_id, i.job;
		-- What was seen before is locked: whoever settles it meanwhile must not miss the gates we close for it.
		return query
			with known as materialized (
				select m.workspace_id, m.message_id, m.state
				from (select distinct i.workspace_id, i.message_id from unnest(items) i where i.message_id <> all (fresh)) o
				join message_key k on k.workspace_id = o.workspace_id and k.message_id = o.message_id
				join message m on m.workspace_id = k.workspace_id and m.message_id = k.message_id
					and m.created_at = k.message_created_at
				order by m.workspace_id, m.message_id for update of m
			), said as materialized (
				select i.*, case
						when i.message_id <> all (fresh) then case n.state when 'pending' then 'pending' else 'done' end
						when row_number() over (partition by i.workspace_id, i.message_id order by i.job) = 1 then 'new'
						else 'pending' end as was
				from unnest(items) i
				left join known n on n.workspace_id = i.workspace_id and n.message_id = i.message_id
			), seen as (
				insert into sighting (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid)
				select s.workspace_id, s.message_id, s.inbox_id, s.folder_id, s.uidvalidity, s.uid from said s
				on conflict do nothing
			), awaited as (
				insert into gate_pending (workspace_id, prospect_key, message_id)
				select distinct s.workspace_id, k, s.message_id from said s, unnest(s.prospect_keys) k where s.was <> 'done'
				on conflict do nothing
			), closed as (
				update gate g set level = 2, reason = 'provisional', message_id = c.message_id,
					closed_at = coalesce(g.closed_at, now()), updated_at = now()
				from (select distinct on (s.workspace_id, k) s.workspace_id, k, s.message_id
					from said s, unnest(s.prospect_keys) k where s.was <> 'done' order by s.workspace_id, k, s.message_id desc) c
				where g.workspace_id = c.workspace_id and g.prospect_key = c.k and g.level < 2
			)
			select s.job, null::text, s.uid, s.was from said s;
	end if;
	moved := gather_marks(held);
	return query
		select j.job, case when h.job is null then 'fenced' when j.folder_id is null or j.job = any (moved) then 'done' else 'stale' end,
			null::bigint, null::text
		from unnest(jobs) j left join unnest(held) h on h.job = j.job;
end $$;
grant execute on function gather_close(jsonb, jsonb) to replyd_ingest;

-- Transaction 2 of many mails, one per job.  said: 'done', 'fenced', 'stale', or 'again': it closed another gate meanwhile, or is
-- not there; asked once more, alone, it is told why.
create function gather_settle(jobs_given jsonb, verdicts_given jsonb) returns table (job int, said text, was_new boolean)
	language plpgsql as $$
declare
	jobs gather_job[]; held gather_job[]; verdicts gather_verdict[]; plain gather_verdict[]; v gather_verdict; h gather_job;
	ws uuid[]; keys text[]; fresh uuid[]; odd int[] := '{}'; new_ones int[] := '{}'; moved int[]; is_new boolean;
	waiting int[]; made_at timestamptz[]; easy int[]; -- pending jobs, when their messages were made, and those that are plain
begin
	select array_agg(row(j.*)::gather_job order by j.job) into jobs from jsonb_populate_recordset(null::gather_job, jobs_given) j;
	held := gather_fence(jobs);
	select array_agg(row(i.job, i.message_id, i.prospect_keys, i.state, i.kind, i.confidence, i.snippet, i.evidence, i.matches,
			i.return_at, i.level, i.reason, i.hold_until, i.event_id, i.event_type, i.event_data,
			x.workspace_id, x.inbox_id)::gather_verdict
			order by x.workspace_id, i.message_id, i.job) into verdicts
		from jsonb_populate_recordset(null::gather_verdict, verdicts_given) i join unnest(held) x on x.job = i.job;
	if verdicts is not null then
		-- The gates of the verdicts, and those that were closed for these messages.
		select array_agg(t.w), array_agg(t.k) into ws, keys from (
			select i.workspace_id as w, k from unnest(verdicts) i, unnest(i.prospect_keys) k
			union select c.workspace_id, c.prospect_key from unnest(verdicts) i
			join gate_pending c on c.workspace_id = i.workspace_id and c.message_id = i.message_id) t;
		perform gather_gates(ws, keys);
		-- The messages by themselves: what is read of them afterwards nobody changes any more.
		select array_agg(l.job), array_agg(l.created_at) into waiting, made_at from (
			select i.job, m.created_at
			from unnest(verdicts) i
			join message_key k on k.workspace_id = i.workspace_id and k.message_id = i.message_id
			join message m on m.workspace_id = k.workspace_id and m.message_id = k.message_id and m.created_at = k.message_created_at
			where m.state = 'pending' and m.prospect_key = i.prospect_keys[1]
			order by m.workspace_id, m.message_id for update of m) l;
		-- Plain is a mail about one prospect, whose gate no other mail of the group, nor another one that is pending, touches.
		-- What it asks of gate_pending stays apart from the rest, so that it goes by index.
		select array_agg(i.job) into easy
		from (select o.job, o.workspace_id, o.message_id, o.prospect_keys[1] as key, cardinality(o.prospect_keys) as n,
				count(*) over (partition by o.workspace_id, o.message_id) as together from unnest(verdicts) o) i
		join (select o.workspace_id, k as key, count(*) as n from unnest(verdicts) o, unnest(o.prospect_keys) k group by 1, 2) t
			on t.workspace_id = i.workspace_id and t.key = i.key
		where i.n = 1 and i.together = 1 and t.n = 1 and i.job = any (waiting)
			and (select array_agg(c.prospect_key) from gate_pending c
				where c.workspace_id = i.workspace_id and c.message_id = i.message_id) = array[i.key]
			and (select count(*) from gate_pending c
				where c.workspace_id = i.workspace_id and c.prospect_key = i.key and c.message_id <> i.message_id) = 0;
		easy := coalesce(easy, '{}');
		select array_agg(o) into plain from unnest(verdicts) o where o.job = any (easy);
		if plain is not null then
			with made as (
				insert into event_key (workspace_id, event_id, event_created_at)
				select p.workspace_id, p.event_id, now() from unnest(plain) p order by p.workspace_id, p.event_id
				on conflict do nothing returning event_id)
			select array_agg(m.event_id) into fresh from made m;
			fresh := coalesce(fresh, '{}');
			update message m set state = p.state, kind = p.kind, confidence = p.confidence, snippet = p.snippet,
					evidence = p.evidence, matches = p.matches, return_at = p.return_at, ingested_at = clock_timestamp()
				from unnest(plain) p join unnest(waiting, made_at) as t (job, at) on t.job = p.job
				where m.workspace_id = p.workspace_id and m.message_id = p.message_id and m.created_at = t.at;
			delete from gate_pending c using unnest(plain) p where c.workspace_id = p.workspace_id and c.message_id = p.message_id;
			with judged as (
				update gate g set
					level = greatest(n.rest, p.level),
					reason = case when p.level > n.rest then p.reason when n.rest >= 3 then g.reason
						when n.rest = 1 then 'out_of_office' else '' end,
					message_id = case when p.level > n.rest then p.message_id when n.rest >= 3 then g.message_id
						when n.rest = 1 then n.hold_by end,
					hold_until = n.hold, hold_message_id = n.hold_by,
					closed_at = case when greatest(n.rest, p.level) > 0 then coalesce(g.closed_at, now()) end,
					events = g.events + case when p.event_id = any (fresh) then 1 else 0 end,
					updated_at = now()
				from unnest(plain) p
				-- It is locked, so that what is read here is what is written over.
				join lateral (
					select x.hold, x.hold_by,
						(case when b.level >= 3 then b.level when x.hold > now() then 1 else 0 end)::smallint as rest
					from gate b cross join lateral (
						select case when p.hold_until > coalesce(b.hold_until, '-infinity') then p.hold_until else b.hold_until end as hold,
							case when p.hold_until > coalesce(b.hold_until, '-infinity') then p.message_id
								else b.hold_message_id end as hold_by) x
					where b.workspace_id = p.workspace_id and b.prospect_key = p.prospect_keys[1]) n on true
				where g.workspace_id = p.workspace_id and g.prospect_key = p.prospect_keys[1]
				returning p.job, p.workspace_id, p.event_id, p.event_type, p.prospect_keys[1] as prospect_key, p.inbox_id, p.message_id,
					p.event_data, g.events, g.level, g.reason
			), told as (
				insert into event (workspace_id, event_id, type, prospect_key, prospect_seq, inbox_id, message_id, data)
				select j.workspace_id, j.event_id, j.event_type, j.prospect_key, j.events, j.inbox_id, j.message_id,
					j.event_data || jsonb_build_object(
						'prospect', (j.event_data -> 'prospect') || jsonb_build_object('seq', j.events),
						'gate', jsonb_build_object('level', j.level, 'reason', j.reason))
				from judged j where j.event_id = any (fresh)
			), queued as (
				insert into event_queue (workspace_id, event_id, event_created_at)
				select j.workspace_id, j.event_id, now() from judged j where j.event_id = any (fresh)
			)
			select coalesce(array_agg(j.job), '{}') into new_ones from judged j where j.event_id = any (fresh);
		end if;
		-- The others one after the other, as ever; what goes wrong with one is no matter of the rest.
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
	select array_agg(row(x.*)::gather_job) into held from unnest(held) x where x.job <> all (odd);
	moved := gather_marks(coalesce(held, '{}'));
	return query
		select j.job, case when j.job = any (odd) then 'again' when x.job is null then 'fenced'
				when j.folder_id is null or j.job = any (moved) then 'done' else 'stale' end,
			j.job = any (new_ones)
		from unnest(jobs) j left join unnest(coalesce(held, '{}')) x on x.job = j.job;
end $$;
grant execute on function gather_settle(jsonb, jsonb) to replyd_ingest;
