-- What a reply costs, from its look-up to its event: the same promises in fewer statements.  One statement costs about as much as
-- ten rows of it, mostly for opening the parts of what is partitioned; so a group closes its gates in one, and settles in three.
--
-- works-with: 17

-- The mail that took the gate to 3 or more: who tells of it says so.
alter table gate add column stopped_by uuid;
grant update (stopped_by) on gate to replyd_ingest;

create type reply_gated as (job int, said text, uid bigint, was text);
create type reply_settled as (job int, said text, was_new boolean);

-- gather_find() of 0017, and each outbound is looked up once, whatever it was found by.
-- named: the workspaces that the jobs are of.  jobs: [{job, workspace_id, digests: ["\\x..."], names: likewise}]
create function reply_find(named uuid[], jobs json) returns table (
		job int, digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz)
	language plpgsql set enable_seqscan = off set enable_memoize = off set plan_cache_mode = force_generic_plan as $$
declare
	seen text := set_config('replyd.workspaces', named::text, true);
begin
	return query
		with asked as materialized (
			select j.* from json_to_recordset(jobs) as j (job int, workspace_id uuid, digests bytea[], names bytea[])
		)
		select h.job, h.digest, o.*
		from (
			-- Each apart, or the planner, who takes lists for long, reads whole tables.
			select j.job, j.workspace_id, k.digest, k.outbound_id, k.outbound_created_at
			from asked j cross join lateral (
				select x.digest, x.outbound_id, x.outbound_created_at from outbound_key x
				where x.workspace_id = j.workspace_id and x.digest = any (j.digests) and x.outbound_id is not null offset 0) k
			union all
			select j.job, j.workspace_id, n.digest, n.outbound_id, n.outbound_created_at
			from asked j cross join lateral (select distinct u.d from unnest(j.names) u (d)) g
			cross join lateral (
				select x.digest, x.outbound_id, x.outbound_created_at from outbound_name x
				where x.workspace_id = j.workspace_id and x.digest = g.d order by x.sent_at desc limit 8) n
		) h
		cross join lateral (
			select y.outbound_id, y.inbox_id, y.sequence, y.step, y.prospect_key, y.prospect_address, y.message_id, y.sent_at
			from outbound y where y.workspace_id = h.workspace_id and y.outbound_id = h.outbound_id
				and y.created_at = h.outbound_created_at offset 0) o;
end $$;
grant execute on function reply_find(uuid[], json) to replyd_ingest;

-- What jsonb takes is compressed by the faster way where PostgreSQL was built with it.
do $$
declare
	t regclass;
begin
	for t in select p.relid from pg_partition_tree('message') p loop
		execute format('alter table %s alter column matches set compression lz4, alter column evidence set compression lz4', t);
	end loop;
	for t in select p.relid from pg_partition_tree('event') p loop
		execute format('alter table %s alter column data set compression lz4', t);
	end loop;
exception when feature_not_supported then
	null;
end $$;

-- The same wall, asked once for a statement and not for each part of a table and each row of it.
do $$
declare
	t regclass;
begin
	foreach t in array array['outbound', 'outbound_key', 'outbound_name', 'gate', 'gate_pending', 'message', 'message_key', 'sighting',
			'prospect_message', 'event', 'event_key', 'event_queue']::regclass[] loop
		execute format('alter policy workspace_wall on %s using (workspace_id = (select workspace_now()))'
			' with check (workspace_id = (select workspace_now()))', t);
	end loop;
end $$;

-- What was the trigger's work (0017) is done by those who write gate_pending: a statement less for each group.
drop trigger gate_pending_kept on gate_pending;
drop function gate_pending_kept();

-- As before (0003), and whose mail it is.
create or replace function gate_close(the_inbox uuid, the_epoch bigint, items jsonb) returns table (message_id uuid, uid bigint, was text)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; key text; known timestamptz;
begin
	perform fence(the_inbox, the_epoch);
	-- All gates first, sorted: two workers closing for the same people never wait in a ring.
	for key in
		select distinct p from jsonb_array_elements(items) x, jsonb_array_elements_text(x.value -> 'prospect_keys') p order by p
	loop
		insert into gate (workspace_id, prospect_key) values (ws, key) on conflict do nothing;
		perform 1 from gate g where g.workspace_id = ws and g.prospect_key = key for update;
	end loop;
	for i in
		select r.* from jsonb_to_recordset(items) as r (message_id uuid, prospect_keys jsonb, folder_id uuid, uidvalidity bigint,
			uid bigint, header_message_id text, sender text, subject text, internal_at timestamptz, size_bytes bigint,
			matches jsonb, detected_at timestamptz, recovered boolean)
		order by r.message_id -- for the same reason
	loop
		message_id := i.message_id; uid := i.uid; known := null;
		insert into message_key (workspace_id, message_id, message_created_at) values (ws, i.message_id, now()) on conflict do nothing;
		if found then
			was := 'new';
			insert into message (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid, state, prospect_key,
					header_message_id, sender, subject, internal_at, size_bytes, matches, recovered, detected_at)
				values (ws, i.message_id, the_inbox, i.folder_id, i.uidvalidity, i.uid, 'pending', i.prospect_keys ->> 0,
					i.header_message_id, i.sender, i.subject, i.internal_at, i.size_bytes, i.matches, i.recovered, i.detected_at);
		else
			select k.message_created_at into known from message_key k where k.workspace_id = ws and k.message_id = i.message_id;
			-- Locked: whoever settles it meanwhile must not miss the gates we close for it.
			select case m.state when 'pending' then 'pending' else 'done' end into was
				from message m where m.workspace_id = ws and m.message_id = i.message_id and m.created_at = known for update;
		end if;
		insert into sighting (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid)
			values (ws, i.message_id, the_inbox, i.folder_id, i.uidvalidity, i.uid) on conflict do nothing;
		if was <> 'done' then
			insert into gate_pending (workspace_id, prospect_key, message_id)
				select distinct ws, p, i.message_id from jsonb_array_elements_text(i.prospect_keys) p on conflict do nothing;
			insert into prospect_message (workspace_id, prospect_key, message_id)
				select distinct ws, p, i.message_id from jsonb_array_elements_text(i.prospect_keys) p on conflict do nothing;
			update gate g set level = 2, reason = 'provisional', message_id = i.message_id,
					closed_at = coalesce(g.closed_at, now()), updated_at = now()
				where g.workspace_id = ws and g.level < 2
					and g.prospect_key in (select jsonb_array_elements_text(i.prospect_keys));
		end if;
		return next;
	end loop;
end $$;

-- As before (0009), and whose mail it is, which the trigger kept.
create or replace function gather_known(items gather_item[], fresh uuid[]) returns table (job int, uid bigint, was text)
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
	), kept as (
		insert into prospect_message (workspace_id, prospect_key, message_id)
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

-- Transaction 1 of many batches, as gather_close() of 0009 says it.
-- named: the workspaces that the jobs are of, and nothing else is seen.
create function reply_gate(named uuid[], jobs_given json, items_given json) returns reply_gated[]
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	seen text := set_config('replyd.workspaces', named::text, true);
	told reply_gated[]; held gather_job[]; items gather_item[]; known reply_gated[]; marked int[];
begin
	-- Keys of new messages before gates before folders, by what is read of what.  All else that is written is of new messages,
	-- which nobody else knows.
	with jobs as materialized (
		select j.* from json_populate_recordset(null::gather_job, jobs_given) j
	), locked as materialized (
		-- Whether somebody holds them is looked at afterwards: asked of the table, it goes by the index of the holders.
		select l.inbox_id, l.epoch, l.worker_id from lease l
		where l.inbox_id = any (array(select j.inbox_id from jobs j)) order by l.inbox_id for share
	), ours as materialized (
		select j.* from jobs j join locked l on l.inbox_id = j.inbox_id and l.epoch = j.epoch and l.worker_id is not null
	), given as materialized (
		select i.job, i.folder_id, i.uidvalidity, i.uid, i.message_id, i.prospect_keys, i.header_message_id, i.sender,
			i.subject, i.internal_at, i.size_bytes, i.matches, i.detected_at, i.recovered, o.workspace_id, o.inbox_id,
			-- The same mail may come in several jobs: the lowest of them has the message.
			row_number() over (partition by o.workspace_id, i.message_id order by i.job) as nth
		from json_populate_recordset(null::gather_item, items_given) i join ours o on o.job = i.job
	), made as (
		insert into message_key (workspace_id, message_id, message_created_at)
		select i.workspace_id, i.message_id, now() from given i where i.nth = 1 order by i.workspace_id, i.message_id
		on conflict do nothing returning message_id
	), mails as materialized (
		select i.*, i.message_id = any (array(select m.message_id from made m)) as is_new from given i
	), gates as (
		-- Every gate is there and ours, and closed where the mail is new: a conflicting row is locked also where it stays as it is.
		insert into gate as g (workspace_id, prospect_key, level, reason, message_id, closed_at)
		select distinct on (i.workspace_id, k) i.workspace_id, k, case when i.is_new then 2 else 0 end,
			case when i.is_new then 'provisional' else '' end, case when i.is_new then i.message_id end,
			case when i.is_new then now() end
		from mails i, unnest(i.prospect_keys) k
		order by i.workspace_id, k, i.is_new desc, i.message_id desc
		on conflict (workspace_id, prospect_key) do update set level = 2, reason = 'provisional',
			message_id = excluded.message_id, closed_at = coalesce(g.closed_at, now()), updated_at = now()
		where excluded.level = 2 and g.level < 2
		returning 1
	), written as (
		insert into message (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid, state, prospect_key,
			header_message_id, sender, subject, internal_at, size_bytes, matches, recovered, detected_at)
		select i.workspace_id, i.message_id, i.inbox_id, i.folder_id, i.uidvalidity, i.uid, 'pending', i.prospect_keys[1],
			i.header_message_id, i.sender, i.subject, i.internal_at, i.size_bytes, i.matches, i.recovered, i.detected_at
		from mails i where i.is_new and i.nth = 1
	), sighted as (
		insert into sighting (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid)
		select i.workspace_id, i.message_id, i.inbox_id, i.folder_id, i.uidvalidity, i.uid from mails i where i.is_new
		on conflict do nothing
	), awaited as (
		insert into gate_pending (workspace_id, prospect_key, message_id)
		select i.workspace_id, k, i.message_id from mails i, unnest(i.prospect_keys) k where i.is_new
		on conflict do nothing
	), kept as (
		insert into prospect_message (workspace_id, prospect_key, message_id)
		select i.workspace_id, k, i.message_id from mails i, unnest(i.prospect_keys) k where i.is_new
		on conflict do nothing
	), odd as materialized (
		select i.* from mails i where not i.is_new
	), moved as (
		-- As gather_marks(), unless something is known already: what is done for that comes before.
		update folder f set
			uid_gated = greatest(f.uid_gated, j.uid_gated),
			uid_ingested = least(greatest(f.uid_ingested, j.uid_ingested), greatest(f.uid_gated, j.uid_gated)),
			gated_through = greatest(f.gated_through, least(j.gated_at, now())),
			ingested_through = greatest(f.ingested_through, least(j.ingested_at, now()))
		from (select * from ours order by inbox_id, folder_id) j
		where (select count(*) from gates) >= 0 and not exists (select from odd)
			and f.folder_id = j.folder_id and f.inbox_id = j.inbox_id and f.uidvalidity = j.uidvalidity
		returning j.job
	), answers as (
		select i.job, null::text as said, i.uid, case when i.nth = 1 then 'new' else 'pending' end as was from mails i where i.is_new
		union all
		select j.job, case when o.job is null then 'fenced'
				when j.folder_id is null or j.job = any (array(select m.job from moved m)) then 'done' else 'stale' end, null, null
		from jobs j left join ours o on o.job = j.job
	)
	select array_agg(row(a.job, a.said, a.uid, a.was)::reply_gated),
			(select array_agg(row(o.job, o.folder_id, o.uidvalidity, o.uid, o.message_id, o.prospect_keys, o.header_message_id,
				o.sender, o.subject, o.internal_at, o.size_bytes, o.matches, o.detected_at, o.recovered, o.workspace_id,
				o.inbox_id)::gather_item) from odd o),
			case when exists (select from odd) then (select array_agg(row(o.*)::gather_job) from ours o) end
		into told, items, held from answers a;
	if items is null then
		return told;
	end if;
	-- Seen before: its gates, which are ours, are closed again while it is pending; then the watermarks.
	select array_agg(row(k.job, null, k.uid, k.was)::reply_gated) into known from gather_known(items, '{}') k;
	marked := gather_marks(held);
	return array(select t from unnest(told) t where t.said is null or t.said = 'fenced') || known || array(
		select row(j.job, case when j.folder_id is null or j.job = any (marked) then 'done' else 'stale' end, null, null)::reply_gated
		from unnest(held) j);
end $$;
grant execute on function reply_gate(uuid[], json, json) to replyd_ingest;

-- For who asks as before (0009).
create function gather_named(jobs jsonb) returns uuid[]
	language sql immutable parallel safe as $$
	select coalesce(array_agg(distinct j.workspace_id), '{}') from jsonb_to_recordset(jobs) as j (workspace_id uuid)
$$;
grant execute on function gather_named(jsonb) to replyd_ingest;
create or replace function gather_close(jobs_given jsonb, items_given jsonb) returns table (job int, said text, uid bigint, was text)
	language sql as $$
	select t.* from unnest(reply_gate(gather_named(jobs_given), jobs_given::json, items_given::json)) t
$$;

-- What only the transaction that tells of a mail knows goes into its event: its number, what became of the gate, and whether this
-- mail is what stopped the prospect.
create function event_of_mail(data jsonb, seq bigint, level smallint, reason text, is_stop boolean) returns jsonb
	language sql stable parallel safe as $$
	select data || jsonb_build_object('prospect', (data -> 'prospect') || jsonb_build_object('seq', seq),
		'gate', jsonb_build_object('level', level, 'reason', reason), 'newly_stopped', is_stop)
$$;
grant execute on function event_of_mail(jsonb, bigint, smallint, text, boolean) to replyd_ingest;

-- As before (0017), and whether this mail is the stop.
create or replace function message_settle(the_inbox uuid, the_epoch bigint, item jsonb)
		returns table (was_new boolean, prospect_seq bigint, level smallint)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; m record; g record; key text; keys text[]; told timestamptz; told_data jsonb;
	other uuid; hold timestamptz; hold_by uuid; verdict smallint; rest smallint; is_stop boolean := false;
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
			matches = i.matches, return_at = i.return_at, ingested_at = clock_timestamp(),
			intent = coalesce(i.event_data ->> 'intent', ''), level = i.level, reason = i.reason, hold_until = i.hold_until
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
			stopped_by = case when g.level < 3 and verdict >= 3 then i.message_id else stopped_by end,
			updated_at = now()
		where gate.workspace_id = ws and gate.prospect_key = key;
		if key = m.prospect_key then
			level := greatest(rest, verdict);
			is_stop := g.level < 3 and verdict >= 3;
		end if;
	end loop;

	-- What only this transaction knows goes into the event here: its number, and what became of the gate.
	select gate.events + 1, event_of_mail(i.event_data, gate.events + 1, gate.level, gate.reason, is_stop)
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

-- Of these verdicts, whose gates are locked, those about one prospect whose gate no other mail of the group touches, written into
-- their messages as far as these are pending.
create or replace function gather_messages(verdicts gather_verdict[]) returns int[]
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
	set plan_cache_mode = force_generic_plan as $$
declare
	wrote int[];
begin
	with given as materialized (
		select i.*, i.prospect_keys[1] as key, count(*) over (partition by i.workspace_id, i.message_id) as together
		from unnest(verdicts) i
	), shared as materialized (
		select g.workspace_id, k as key from given g, unnest(g.prospect_keys) k group by 1, 2 having count(*) > 1
	), plain as materialized (
		select g.*, k.message_created_at from given g
		cross join lateral (
			select k.message_created_at from message_key k where k.workspace_id = g.workspace_id and k.message_id = g.message_id offset 0) k
		where cardinality(g.prospect_keys) = 1 and g.together = 1
			and not exists (select from shared s where s.workspace_id = g.workspace_id and s.key = g.key)
			and array(select c.prospect_key from gate_pending c
				where c.workspace_id = g.workspace_id and c.message_id = g.message_id) = array[g.key]
		order by g.workspace_id, g.message_id
	), written as (
		update message m set state = v.state, kind = v.kind, confidence = v.confidence, snippet = v.snippet, evidence = v.evidence,
				matches = v.matches, return_at = v.return_at, ingested_at = clock_timestamp(),
				intent = coalesce(v.event_data ->> 'intent', ''), level = v.level, reason = v.reason, hold_until = v.hold_until
			from plain v
			where m.workspace_id = v.workspace_id and m.message_id = v.message_id and m.created_at = v.message_created_at
				and m.ingested_at is null and m.prospect_key = v.key
			returning v.job
	)
	select array_agg(w.job) into wrote from written w;
	return coalesce(wrote, '{}');
end $$;

-- Transaction 2 of many mails, as gather_settle() of 0009 says it.
create function reply_settle(named uuid[], jobs_given json, verdicts_given json) returns reply_settled[]
	language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	seen text := set_config('replyd.workspaces', named::text, true);
	jobs gather_job[]; held gather_job[]; verdicts gather_verdict[]; v gather_verdict; h gather_job; told reply_settled[];
	plain int[] := '{}'; odd int[] := '{}'; new_ones int[] := '{}'; moved int[] := '{}'; is_new boolean; is_whole boolean; gone bigint;
begin
	-- The gates of the verdicts, and those that were closed for these messages, are locked; a conflicting row is, and stays as it is.
	with given as materialized (
		select j.* from json_populate_recordset(null::gather_job, jobs_given) j
	), locked as materialized (
		select l.inbox_id, l.epoch, l.worker_id from lease l
		where l.inbox_id = any (array(select j.inbox_id from given j)) order by l.inbox_id for share
	), ours as materialized (
		select j.* from given j join locked l on l.inbox_id = j.inbox_id and l.epoch = j.epoch and l.worker_id is not null
	), mails as materialized (
		select i.job, i.message_id, i.prospect_keys, i.state, i.kind, i.confidence, i.snippet, i.evidence, i.matches,
			i.return_at, i.level, i.reason, i.hold_until, i.event_id, i.event_type, i.event_data, o.workspace_id, o.inbox_id
		from json_populate_recordset(null::gather_verdict, verdicts_given) i join ours o on o.job = i.job
	), gates as (
		insert into gate as g (workspace_id, prospect_key)
		select i.workspace_id, k from mails i, unnest(i.prospect_keys) k
		union select i.workspace_id, c.prospect_key from mails i cross join lateral (
			select p.prospect_key from gate_pending p where p.workspace_id = i.workspace_id and p.message_id = i.message_id offset 0) c
		order by 1, 2
		on conflict (workspace_id, prospect_key) do update set level = g.level where false
	)
	select (select array_agg(row(j.*)::gather_job) from given j), coalesce((select array_agg(row(o.*)::gather_job) from ours o), '{}'),
			(select array_agg(row(i.*)::gather_verdict order by i.workspace_id, i.message_id, i.job) from mails i)
		into jobs, held, verdicts;
	if verdicts is not null then
		plain := gather_messages(verdicts);
	end if;
	is_whole := cardinality(plain) = coalesce(cardinality(verdicts), 0);
	-- Another statement: it sees what closed a gate for one of them while its lock was waited for.
	with given as materialized (
		select p.*, p.prospect_keys[1] as key from unnest(verdicts) p where p.job = any (plain)
	), settled as (
		delete from gate_pending c where c.ctid = any (array(
			select p.ctid from given i cross join lateral (
				select p.ctid from gate_pending p where p.workspace_id = i.workspace_id and p.message_id = i.message_id offset 0) p))
		returning 1
	), made as (
		insert into event_key (workspace_id, event_id, event_created_at)
		select p.workspace_id, p.event_id, now() from given p order by p.workspace_id, p.event_id
		on conflict do nothing returning event_id
	), known as materialized (
		select p.*, p.event_id = any (array(select m.event_id from made m)) as is_new from given p
	), judged as (
		-- All of these gates are there: what is inserted is what the verdict says, over what the gate is.
		insert into gate as g (workspace_id, prospect_key, level, reason, message_id, hold_until, events)
		select p.workspace_id, p.key, p.level, p.reason, p.message_id, p.hold_until, p.is_new::int from known p
		on conflict (workspace_id, prospect_key) do update set
			(level, reason, message_id, hold_until, hold_message_id, closed_at, stopped_by) = (
				select greatest(r.rest, excluded.level),
					case when excluded.level > r.rest then excluded.reason when r.rest >= 3 then g.reason
						when r.rest = 2 then 'provisional' when r.rest = 1 then 'out_of_office' else '' end,
					case when excluded.level > r.rest then excluded.message_id when r.rest >= 3 then g.message_id
						when r.rest = 2 then r.other when r.rest = 1 then r.hold_by end,
					r.hold, r.hold_by,
					case when greatest(r.rest, excluded.level) > 0 then coalesce(g.closed_at, now()) end,
					case when g.level < 3 and excluded.level >= 3 then excluded.message_id else g.stopped_by end
				from (
					select n.hold, n.hold_by, n.other,
						(case when g.level >= 3 then g.level when n.other is not null then 2 when n.hold > now() then 1
							else 0 end)::smallint as rest
					from (
						-- Another mail that is still pending keeps the gate provisional.
						select (select c.message_id from gate_pending c where c.workspace_id = g.workspace_id
									and c.prospect_key = g.prospect_key and c.message_id <> excluded.message_id limit 1) as other,
							case when n.is_later then excluded.hold_until else g.hold_until end as hold,
							case when n.is_later then excluded.message_id else g.hold_message_id end as hold_by
						from (select excluded.hold_until > coalesce(g.hold_until, '-infinity') as is_later) n
						offset 0) n -- or what is looked up here would be looked up wherever it is named
					offset 0) r),
			events = g.events + excluded.events, updated_at = now()
		returning g.workspace_id, g.prospect_key, g.events, g.level, g.reason, g.stopped_by
	), tellings as materialized (
		select p.*, j.events, j.level as now_level, j.reason as now_reason, j.stopped_by
		from known p join judged j on j.workspace_id = p.workspace_id and j.prospect_key = p.key where p.is_new
	), written as (
		insert into event (workspace_id, event_id, type, prospect_key, prospect_seq, inbox_id, message_id, data)
		select t.workspace_id, t.event_id, t.event_type, t.key, t.events, t.inbox_id, t.message_id,
			event_of_mail(t.event_data, t.events, t.now_level, t.now_reason, t.stopped_by is not distinct from t.message_id)
		from tellings t
		returning 1
	), queued as (
		insert into event_queue (workspace_id, event_id, event_created_at)
		select t.workspace_id, t.event_id, now() from tellings t
	), marked as (
		-- As gather_marks(), unless some take the longer way, which comes before.
		update folder f set
			uid_gated = greatest(f.uid_gated, j.uid_gated),
			uid_ingested = least(greatest(f.uid_ingested, j.uid_ingested), greatest(f.uid_gated, j.uid_gated)),
			gated_through = greatest(f.gated_through, least(j.gated_at, now())),
			ingested_through = greatest(f.ingested_through, least(j.ingested_at, now()))
		from (select * from unnest(held) order by inbox_id, folder_id) j
		where is_whole and (select count(*) from written) >= 0
			and f.folder_id = j.folder_id and f.inbox_id = j.inbox_id and f.uidvalidity = j.uidvalidity
		returning j.job
	), answers as materialized (
		select j.job, case when j.job <> all (array(select x.job from unnest(held) x)) then 'fenced'
				when j.folder_id is null or j.job = any (array(select m.job from marked m)) then 'done' else 'stale' end as said,
			j.job = any (array(select t.job from tellings t)) as was_new
		from unnest(jobs) j
	)
	select array_agg(row(a.job, a.said, a.was_new)::reply_settled), (select count(*) from settled),
			array(select t.job from tellings t)
		into told, gone, new_ones from answers a;
	if gone <> cardinality(plain) then
		raise exception 'a message closed another gate meanwhile' using errcode = 'serialization_failure';
	end if;
	if is_whole then
		return told;
	end if;
	-- The others one after the other, as ever; what goes wrong with one is no matter of the rest.
	foreach v in array verdicts loop
		continue when v.job = any (plain);
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
	moved := gather_marks(array(select row(x.*)::gather_job from unnest(held) x where x.job <> all (odd)));
	return array(
		select row(t.job, case when t.job = any (odd) then 'again' when t.said = 'fenced' then 'fenced'
			when j.folder_id is null or j.job = any (moved) then 'done' else 'stale' end, t.job = any (new_ones))::reply_settled
		from unnest(told) t join unnest(jobs) j on j.job = t.job);
end $$;
grant execute on function reply_settle(uuid[], json, json) to replyd_ingest;
create or replace function gather_settle(jobs_given jsonb, verdicts_given jsonb) returns table (job int, said text, was_new boolean)
	language sql as $$
	select t.* from unnest(reply_settle(gather_named(jobs_given), jobs_given::json, verdicts_given::json)) t
$$;
