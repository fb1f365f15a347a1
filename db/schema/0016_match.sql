-- What an outbound is found by beside its Message-ID, and Message-IDs that a provider gave it.
--
-- works-with: 12

-- Who was written to, under which subject, in which thread, by which reply token: keyed digests, each kind a space of its own
-- (ingest/match/match_names).  Many outbounds have the same; those sent last are found.
create table outbound_name (
	workspace_id uuid not null,
	digest       bytea not null check (octet_length(digest) = 32),
	sent_at      timestamptz not null,
	outbound_id  uuid not null,
	outbound_created_at timestamptz not null,
	-- In this order: the last eight of a name are eight neighbours, however often somebody was written to.  Not partitioned: of
	-- eight parts the last ones would have to be sorted out.
	primary key (workspace_id, digest, sent_at, outbound_id)
);
call walled('outbound_name');
call named_by('outbound_name', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
grant select, insert on outbound_name to replyd_api;
grant select on outbound_name to replyd_ingest;

-- outbound_find() of ids, and of names.
create function outbound_match(ids bytea[], names bytea[]) returns table (
		digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz)
	language sql stable as $$
	select f.digest, f.outbound_id, f.inbox_id, f.sequence, f.step, f.prospect_key, f.prospect_address, f.message_id, f.sent_at
	from outbound_find(ids) f
	union all
	select n.digest, o.outbound_id, o.inbox_id, o.sequence, o.step, o.prospect_key, o.prospect_address, o.message_id, o.sent_at
	from (select distinct u.d from unnest(names) u (d)) g
	cross join lateral (
		select x.digest, x.outbound_id, x.outbound_created_at from outbound_name x
		where x.workspace_id = workspace_now() and x.digest = g.d order by x.sent_at desc limit 8) n
	join outbound o on o.workspace_id = workspace_now() and o.outbound_id = n.outbound_id and o.created_at = n.outbound_created_at
$$;
grant execute on function outbound_match(bytea[], bytea[]) to replyd_ingest;

-- The same for many jobs: [{job, workspace_id, digests: [hex], names: [hex]}]
create or replace function gather_find(jobs jsonb) returns table (
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
			where k.workspace_id = j.workspace_id and k.digest = g.d offset 0) f
		union all
		select j.job, f.*
		from jsonb_to_recordset(jobs) as j (job int, workspace_id uuid, names jsonb)
		cross join lateral (select distinct decode(x.d, 'hex') as d from jsonb_array_elements_text(j.names) as x (d)) g
		cross join lateral (
			select n.digest, o.outbound_id, o.inbox_id, o.sequence, o.step, o.prospect_key, o.prospect_address, o.message_id, o.sent_at
			from (select x.workspace_id, x.digest, x.outbound_id, x.outbound_created_at from outbound_name x
				where x.workspace_id = j.workspace_id and x.digest = g.d order by x.sent_at desc limit 8) n
			join outbound o on o.workspace_id = n.workspace_id and o.outbound_id = n.outbound_id
				and o.created_at = n.outbound_created_at offset 0) f;
end $$;

-- As before; and of a mail known only by who wrote it, or by the token in its recipient ('sender', with the time at which it
-- came), whether somebody was written to meanwhile.
-- items: [{folder_id, uidvalidity, uid, digest, names, at}]
create or replace function trace_keep(the_inbox uuid, the_epoch bigint, items jsonb) returns table (folder_id uuid, uid bigint)
	language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	perform fence(the_inbox, the_epoch);
	-- The row lock is the point: a registration in flight is waited for, a later one waits for us and sees the trace.
	insert into outbound_key as ok (workspace_id, digest)
		select distinct ws, decode(r.digest, 'hex') d
		from jsonb_to_recordset(items) as r (digest text, names text) where r.names in ('id', 'sender') order by d
		on conflict (workspace_id, digest) do update set touched_at = now();
	-- A statement of its own: it sees what those whom we waited for have committed.
	return query
		select r.folder_id, r.uid
		from jsonb_to_recordset(items) as r (folder_id uuid, uid bigint, digest text, names text)
		join outbound_key k on k.workspace_id = ws and k.digest = decode(r.digest, 'hex') and k.outbound_id is not null
		where r.names = 'id'
		union
		select r.folder_id, r.uid
		from jsonb_to_recordset(items) as r (folder_id uuid, uid bigint, digest text, names text, at timestamptz)
		where r.names = 'sender' and exists (select from outbound_name n
			where n.workspace_id = ws and n.digest = decode(r.digest, 'hex') and n.sent_at <= r.at);
	insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, names)
		select ws, decode(r.digest, 'hex'), the_inbox, r.folder_id, r.uidvalidity, r.uid, r.names
		from jsonb_to_recordset(items) as r (folder_id uuid, uidvalidity bigint, uid bigint, digest text, names text)
		on conflict do nothing;
end $$;

-- As before, and with what else an outbound is found by.
-- items: [{outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id, sent_at, digest, fingerprint,
--          names: [hex], met: [hex], final: hex}]
-- names: of outbound_name.  met: those of them that a mail may have left a trace of ('sender').  final: the Message-ID that the
-- provider gave it, also of one that is registered.  Without them, as before.
create or replace function outbound_register(items jsonb) returns table (item int, result text, outbound_id uuid, rechecks int)
	language plpgsql as $$
declare
	i record; k record; ws uuid := workspace_now(); fresh bytea[] := '{}'; made uuid[] := '{}'; n int;
begin
	-- All rows that are to be ours, in the order of their digests: two batches never wait for each other in a ring.
	insert into outbound_key as ok (workspace_id, digest)
		select ws, g.d from (
			select decode(r.digest, 'hex') d from jsonb_to_recordset(items) as r (digest text, final text)
			union select decode(r.final, 'hex') from jsonb_to_recordset(items) as r (final text) where r.final is not null
			union select decode(x.met, 'hex') from jsonb_to_recordset(items) as r (met jsonb), jsonb_array_elements_text(r.met) x (met)) g
		order by g.d
		on conflict (workspace_id, digest) do update set touched_at = now();
	for i in
		select x.ordinality::int - 1 as at, r.*, decode(r.digest, 'hex') as own, decode(r.final, 'hex') as given
		from jsonb_array_elements(items) with ordinality x,
			jsonb_to_record(x.value) as r (outbound_id uuid, inbox_id uuid, sequence text, step text, prospect_key text,
				prospect_address text, message_id text, sent_at timestamptz, digest text, fingerprint text, names jsonb,
				met jsonb, final text)
		order by decode(r.digest, 'hex'), x.ordinality
	loop
		item := i.at; rechecks := 0; outbound_id := i.outbound_id;
		perform 1 from inbox b where b.workspace_id = ws and b.inbox_id = i.inbox_id and b.admin_state <> 'removed';
		if not found then
			result := 'unknown_inbox'; outbound_id := null; return next; continue;
		end if;
		select ok.outbound_id, ok.outbound_created_at, ok.fingerprint into k
			from outbound_key ok where ok.workspace_id = ws and ok.digest = i.own;
		if k.outbound_id is not null then
			outbound_id := k.outbound_id;
			result := case when k.fingerprint = decode(i.fingerprint, 'hex') then 'repeated' else 'conflict' end;
			if result = 'conflict' then
				return next; continue;
			end if;
		else
			insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id, sent_at)
				values (ws, i.outbound_id, i.inbox_id, i.sequence, i.step, i.prospect_key, i.prospect_address, i.message_id, i.sent_at);
			update outbound_key ok set outbound_id = i.outbound_id, outbound_created_at = now(),
					fingerprint = decode(i.fingerprint, 'hex'), touched_at = now()
				where ok.workspace_id = ws and ok.digest = i.own returning ok.outbound_id, ok.outbound_created_at into k;
			insert into outbound_name (workspace_id, digest, sent_at, outbound_id, outbound_created_at)
				select ws, decode(x.d, 'hex'), i.sent_at, i.outbound_id, now() from jsonb_array_elements_text(i.names) x (d)
				on conflict do nothing;
			fresh := fresh || i.own; made := made || i.outbound_id;
			select count(*) into n
				from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
				where t.workspace_id = ws and t.seen_at >= i.sent_at and t.names = 'sender'
					and t.digest in (select decode(x.d, 'hex') from jsonb_array_elements_text(i.met) x (d));
			rechecks := n;
			result := 'created';
		end if;
		if i.given is not null and i.given <> i.own then
			update outbound_key ok set outbound_id = k.outbound_id, outbound_created_at = k.outbound_created_at,
					fingerprint = decode(i.fingerprint, 'hex'), touched_at = now()
				where ok.workspace_id = ws and ok.digest = i.given and ok.outbound_id is null;
			if found then
				fresh := fresh || i.given;
			end if;
		end if;
		select count(*) into n
			from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
			where t.workspace_id = ws and t.digest in (i.own, i.given) and t.digest = any (fresh) and t.names = 'id';
		rechecks := rechecks + n;
		return next;
	end loop;
	insert into prospect_inbox as p (workspace_id, prospect_key, inbox_id, last_sent_at)
		select ws, o.prospect_key, o.inbox_id, max(o.sent_at)
		from outbound_key k2
		join outbound o on o.workspace_id = ws and o.outbound_id = k2.outbound_id and o.created_at = k2.outbound_created_at
		where k2.workspace_id = ws and k2.digest = any (fresh)
		group by o.prospect_key, o.inbox_id order by o.prospect_key, o.inbox_id
		on conflict (workspace_id, prospect_key, inbox_id)
		do update set last_sent_at = greatest(p.last_sent_at, excluded.last_sent_at);
	-- Under an earlier UIDVALIDITY nothing can be looked at: the look back left another trace, or will find the outbound.
	-- The row is locked also when it was there before: who looks at the mail just now has not looked for us.
	with left_by as materialized (
		select t.inbox_id, t.folder_id, t.uidvalidity, t.uid, t.digest, t.seen_at, o.outbound_id, o.created_at, o.prospect_key
		from outbound_key k2
		join outbound o on o.workspace_id = ws and o.outbound_id = k2.outbound_id and o.created_at = k2.outbound_created_at
		join trace t on t.workspace_id = ws and t.digest = k2.digest and t.names = 'id'
		where k2.workspace_id = ws and k2.digest = any (fresh)
		union all
		select t.inbox_id, t.folder_id, t.uidvalidity, t.uid, t.digest, t.seen_at, r.outbound_id, now(), r.prospect_key
		from jsonb_to_recordset(items) as r (outbound_id uuid, prospect_key text, sent_at timestamptz, met jsonb)
		cross join lateral jsonb_array_elements_text(r.met) x (d)
		join trace t on t.workspace_id = ws and t.digest = decode(x.d, 'hex') and t.names = 'sender' and t.seen_at >= r.sent_at
		where r.outbound_id = any (made)
	), mails as materialized (
		select m.* from left_by m join folder f on f.workspace_id = ws and f.folder_id = m.folder_id and f.uidvalidity = m.uidvalidity
	), again as (
		insert into recheck as r (workspace_id, inbox_id, folder_id, uidvalidity, uid)
		select distinct ws, m.inbox_id, m.folder_id, m.uidvalidity, m.uid from mails m order by m.folder_id, m.uidvalidity, m.uid
		on conflict (workspace_id, folder_id, uidvalidity, uid) do update set taken_at = null
		returning r.folder_id, r.uidvalidity, r.uid
	)
	insert into recheck_outbound (workspace_id, folder_id, uidvalidity, uid, outbound_id, outbound_created_at, inbox_id,
			prospect_key, digest, seen_at)
		select ws, m.folder_id, m.uidvalidity, m.uid, m.outbound_id, m.created_at, m.inbox_id, m.prospect_key, m.digest, m.seen_at
		from mails m order by m.folder_id, m.uidvalidity, m.uid
		on conflict do nothing;
	-- Its copy was seen before: it was not written by hand.
	update outbound o set sent_copy_at = s.seen_at
		from (select t.digest, min(t.seen_at) as seen_at from trace t
			where t.workspace_id = ws and t.digest = any (fresh) and t.names = 'own' group by t.digest) s
		join outbound_key k2 on k2.workspace_id = ws and k2.digest = s.digest
		where o.workspace_id = ws and o.outbound_id = k2.outbound_id and o.created_at = k2.outbound_created_at;
	delete from manual_pending p where p.workspace_id = ws and p.digest = any (fresh);
end $$;
