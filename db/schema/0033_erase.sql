-- People who are erased: what is known of them goes, everywhere, and the log stays as it is but for what it says of them.  Of whoever
-- was stopped a keyed digest of his address stays, under which he is as stopped as before when somebody registers him again.
--
-- works-with: 23

create table erased (
	workspace_id uuid not null,
	digest       bytea not null check (octet_length(digest) = 32), -- of an address, as outbound_name has it
	level        smallint not null,
	reason       text not null,
	erased_at    timestamptz not null default now(),
	primary key (workspace_id, digest)
);
call walled('erased');
grant select on erased to replyd_api, replyd_ingest;
grant insert (level, reason, closed_at) on gate to replyd_api;

create index event_prospect on event (workspace_id, prospect_key) where prospect_key is not null;
create index slot_prospect on slot (workspace_id, prospect_key);

create function outbound_name_erased() returns trigger language plpgsql
	set search_path = replyd, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	insert into gate as g (workspace_id, prospect_key, level, reason, closed_at)
		select distinct on (o.prospect_key) a.workspace_id, o.prospect_key, e.level, e.reason, now()
		from added a
		join erased e on e.workspace_id = a.workspace_id and e.digest = a.digest
		join outbound o on o.workspace_id = a.workspace_id and o.outbound_id = a.outbound_id and o.created_at = a.outbound_created_at
		order by o.prospect_key, e.level desc
		on conflict (workspace_id, prospect_key) do update set level = excluded.level, reason = excluded.reason, message_id = null,
			closed_at = coalesce(g.closed_at, now()), updated_at = now()
		where g.level < excluded.level;
	return null;
end $$;
create trigger outbound_name_erased after insert on outbound_name
	referencing new table as added for each statement execute function outbound_name_erased();

-- Whoever registers, and whoever erases: each sees all of what the other did.  It comes before all other locks.
create function erase_lock(alone boolean) returns void language sql as $$
	select case when alone then pg_advisory_xact_lock(hashtextextended('replyd.erase ' || workspace_now(), 0))
		else pg_advisory_xact_lock_shared(hashtextextended('replyd.erase ' || workspace_now(), 0)) end
$$;
grant execute on function erase_lock(boolean) to replyd_api;
-- outbound_register(), beside whom nobody is erased.
create function outbound_enroll(items jsonb) returns table (item int, result text, outbound_id uuid, rechecks int)
	language plpgsql as $$
begin
	perform erase_lock(false);
	return query select r.* from outbound_register(items) r;
end $$;
grant execute on function outbound_enroll(jsonb) to replyd_api;

-- Whom a word means: the keys under which he was registered, by the key or by the address, with those that have an address of
-- theirs; each with all its addresses.
create function prospect_known(word text) returns jsonb
	language sql stable as $$
	with named (key) as (
		select g.prospect_key from gate g where g.workspace_id = workspace_now() and g.prospect_key = word
		union select o.prospect_key from outbound o where o.workspace_id = workspace_now() and o.prospect_key = word
		union select o.prospect_key from outbound o where o.workspace_id = workspace_now() and o.prospect_address = word
	)
	select jsonb_agg(jsonb_build_object('key', k.key, 'addresses', (
			select coalesce(jsonb_agg(distinct o.prospect_address), '[]') from outbound o
			where o.workspace_id = workspace_now() and o.prospect_key = k.key and o.prospect_address <> '')) order by k.key)
	from (
		select n.key from named n
		union select s.prospect_key from named n
			join outbound o on o.workspace_id = workspace_now() and o.prospect_key = n.key and o.prospect_address <> ''
			join outbound s on s.workspace_id = workspace_now() and s.prospect_address = o.prospect_address) k (key)
$$;
grant execute on function prospect_known(text) to replyd_api;

-- What an event still says of somebody who was erased: what happened, where and when, not to whom.
create function event_erased(data jsonb, alias text) returns jsonb
	language sql immutable parallel safe as $$
	select jsonb_strip_nulls(jsonb_build_object('erased', true,
		'prospect', jsonb_build_object('key', alias, 'seq', data -> 'prospect' -> 'seq'),
		'inbox', case when jsonb_typeof(data -> 'inbox') = 'object' then
			jsonb_build_object('id', data -> 'inbox' -> 'id', 'folder_role', data -> 'inbox' -> 'folder_role') end,
		'message', case when jsonb_typeof(data -> 'message') = 'object' then jsonb_build_object('id', data -> 'message' -> 'id') end,
		'sequence', data -> 'sequence', 'step', data -> 'step', 'kind', data -> 'kind', 'intent', data -> 'intent',
		'gate', data -> 'gate', 'newly_stopped', data -> 'newly_stopped', 'by_message', data -> 'by_message', 'stop', data -> 'stop',
		'recovered', data -> 'recovered', 'supersedes', data -> 'supersedes', 'told_as', data -> 'told_as',
		'detected_at', data -> 'detected_at'))
$$;

-- One key of his.  Events keep id, type, position and number; its outbounds go, so that nothing finds him by them any more.
create function prospect_erase(the_prospect text, alias text, addresses text[], digests bytea[]) returns jsonb
	language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	ws uuid := workspace_now(); g gate; mails uuid[]; keys text[]; told uuid[]; n_messages bigint; n_outbounds bigint;
begin
	select * into g from gate x where x.workspace_id = ws and x.prospect_key = the_prospect for update;
	if g.level >= 3 then
		insert into erased as e (workspace_id, digest, level, reason)
			select ws, d, g.level, g.reason from (select distinct d from unnest(digests) d) u order by d
			on conflict (workspace_id, digest) do update set level = excluded.level, reason = excluded.reason
			where e.level < excluded.level;
	end if;

	select coalesce(array_agg(p.message_id order by p.message_id), '{}') into mails
		from prospect_message p where p.workspace_id = ws and p.prospect_key = the_prospect;
	select array_agg(distinct k.p) into keys from (
		select the_prospect union select x.value ->> 'prospect' from message_key k
		join message m on m.workspace_id = ws and m.message_id = k.message_id and m.created_at = k.message_created_at,
			jsonb_array_elements(m.matches) x
		where k.workspace_id = ws and k.message_id = any (mails)) k (p);
	update message m set
			prospect_key = case when m.prospect_key = the_prospect then alias else m.prospect_key end,
			sender = '', subject = '', snippet = '', header_message_id = '', evidence = '[]',
			matches = coalesce((select jsonb_agg(case when x.value ->> 'prospect' = the_prospect
					then (x.value - 'address' - 'evidence' - 'message_id') || jsonb_build_object('prospect', alias)
					else x.value - 'evidence' end)
				from jsonb_array_elements(m.matches) x), '[]')
		from message_key k
		where k.workspace_id = ws and k.message_id = any (mails)
			and m.workspace_id = ws and m.message_id = k.message_id and m.created_at = k.message_created_at;
	get diagnostics n_messages = row_count;
	update prospect_message set prospect_key = alias where workspace_id = ws and prospect_key = the_prospect;
	update correction set was_evidence = '[]' where workspace_id = ws and message_id = any (mails);

	with said as (
		update event e set prospect_key = case when e.prospect_key = the_prospect then alias else e.prospect_key end,
				data = event_erased(e.data, case when e.prospect_key = the_prospect then alias else e.prospect_key end)
			where e.workspace_id = ws and e.prospect_key = any (keys) and (e.prospect_key = the_prospect or e.message_id = any (mails))
			returning e.event_id)
	select coalesce(array_agg(s.event_id), '{}') into told from said s;
	update delivery set prospect_key = alias where workspace_id = ws and event_id = any (told) and prospect_key = the_prospect;
	-- What receivers answered may repeat what they were told.
	update attempt set detail = '' where workspace_id = ws and event_id = any (told);

	delete from outbound_name where workspace_id = ws and digest = any (digests);
	delete from trace where workspace_id = ws and digest = any (digests);
	delete from recheck_outbound where workspace_id = ws and prospect_key = the_prospect;
	delete from outbound where workspace_id = ws and prospect_key = the_prospect;
	get diagnostics n_outbounds = row_count;
	delete from prospect_inbox where workspace_id = ws and prospect_key = the_prospect;
	delete from manual_pending p where p.workspace_id = ws
		and exists (select from jsonb_array_elements(p.prospects) x where x.value ->> 'key' = the_prospect);
	update audit set about = (select array_agg(case when lower(a) = lower(the_prospect) or lower(a) = any (addresses) then alias else a end)
			from unnest(about) a)
		where workspace_id = ws and exists (select from unnest(about) a
			where lower(a) = lower(the_prospect) or lower(a) = any (addresses));
	-- What was promised, and how it ended, is counted still.
	delete from prospect_send where workspace_id = ws and prospect_key = the_prospect;
	update slot set prospect_key = alias, prospect_address = '', company = null, message_id = '', outbound = null
		where workspace_id = ws and prospect_key = the_prospect;
	update conversation set prospect_key = alias, first_message_id = '', last_message_id = ''
		where workspace_id = ws and prospect_key = the_prospect;
	update company_gate set prospect_key = alias where workspace_id = ws and prospect_key = the_prospect;
	update gate set prospect_key = alias, updated_at = now() where workspace_id = ws and prospect_key = the_prospect;
	return jsonb_build_object('alias', alias, 'events', cardinality(told), 'messages', n_messages, 'outbounds', n_outbounds,
		'stop_kept', coalesce(g.level >= 3, false) and cardinality(digests) > 0);
end $$;

-- All keys of a person: [{key, alias, addresses, digests (hex)}].  result: 'done'; 'pending': a mail of his is being read, or one
-- to him is promised, and would come after us; 'again': he has other addresses meanwhile.
create function prospects_erase(items jsonb) returns jsonb
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; done jsonb := '[]';
begin
	perform erase_lock(true);
	for i in select r.* from jsonb_to_recordset(items) as r (key text, addresses jsonb) order by r.key loop
		if exists (select from outbound o where o.workspace_id = ws and o.prospect_key = i.key and o.prospect_address <> ''
				and not i.addresses ? o.prospect_address) then
			return jsonb_build_object('result', 'again');
		end if;
		insert into gate (workspace_id, prospect_key) values (ws, i.key) on conflict do nothing;
		perform 1 from gate g where g.workspace_id = ws and g.prospect_key = i.key for update;
		if exists (select from gate_pending p where p.workspace_id = ws and p.prospect_key = i.key)
				or exists (select from prospect_send s where s.workspace_id = ws and s.prospect_key = i.key and s.slot_id is not null) then
			return jsonb_build_object('result', 'pending');
		end if;
	end loop;
	for i in select r.* from jsonb_to_recordset(items) as r (key text, alias text, addresses jsonb, digests jsonb) order by r.key loop
		done := done || prospect_erase(i.key, i.alias, array(select jsonb_array_elements_text(i.addresses)),
			array(select decode(d, 'hex') from jsonb_array_elements_text(i.digests) d));
	end loop;
	return jsonb_build_object('result', 'done', 'erased', done);
end $$;
grant execute on function event_erased(jsonb, text), prospect_erase(text, text, text[], bytea[]), prospects_erase(jsonb) to replyd_api;
