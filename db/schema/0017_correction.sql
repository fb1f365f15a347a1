-- What somebody says a mail really was, after it was told; and by that, what is left of the gate it closed.
--
-- works-with: 12
-- house: long, four functions of before stand here whole

-- What a mail by itself says of the gate, whatever other mails say; null: it was settled before this was kept.
alter table message
	add column intent     text not null default '',
	add column level      smallint,
	add column reason     text not null default '',
	add column hold_until timestamptz;

-- Every mail that closed a gate, by whose it was: who reopens one must know of the others.
create table prospect_message (
	workspace_id uuid not null,
	prospect_key text not null,
	message_id   uuid not null,
	primary key (workspace_id, prospect_key, message_id)
);
-- The owner, who logs in nowhere, sees no rows otherwise.
alter table message no force row level security;
insert into prospect_message
	select m.workspace_id, m.prospect_key, m.message_id from message m
	union select m.workspace_id, x.value ->> 'prospect', m.message_id from message m, jsonb_array_elements(m.matches) x
		where x.value ->> 'prospect' is not null;
alter table message force row level security;
call walled('prospect_message');
call named_by('prospect_message', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
grant select, insert on prospect_message to replyd_ingest;
grant select on prospect_message to replyd_api;

-- Whatever closes a gate for a mail says so in gate_pending first.
create function gate_pending_kept() returns trigger language plpgsql
	set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	insert into prospect_message (workspace_id, prospect_key, message_id)
		select a.workspace_id, a.prospect_key, a.message_id from added a order by 1, 2, 3 on conflict do nothing;
	return null;
end $$;
create trigger gate_pending_kept after insert on gate_pending
	referencing new table as added for each statement execute function gate_pending_kept();

-- Corrections, in the order in which they were made; a workspace's own training data.
create table correction (
	workspace_id    uuid not null,
	line            bigint generated always as identity,
	message_id      uuid not null,
	revision        int  not null,              -- the nth of this message
	corrected_at    timestamptz not null default now(),
	api_key_id      uuid not null,              -- who said so
	idempotency_key text,
	fingerprint     text not null,              -- of the request: the same again is no conflict
	was_kind        text not null,
	was_intent      text not null,
	was_confidence  real not null,
	was_evidence    jsonb not null,
	kind            text not null,
	intent          text not null,
	event_id        uuid not null,
	supersedes      uuid,                       -- null: the event that told it is not there any more
	gate_before     jsonb not null,             -- {level, reason} of the prospect's gate
	gate            jsonb not null,
	primary key (workspace_id, line),
	unique (workspace_id, message_id, revision)
);
create unique index correction_repeated on correction (workspace_id, idempotency_key) where idempotency_key is not null;
call walled('correction');
grant select, insert on correction to replyd_api;
grant insert on event, event_key, event_queue to replyd_api;
grant execute on function event_put(uuid, text, text, bigint, uuid, uuid, jsonb) to replyd_api;
grant execute on function event_id_of(text[]) to replyd_api;
grant insert (workspace_id, prospect_key), update (level, reason, message_id, hold_until, hold_message_id, closed_at, events, updated_at)
	on gate to replyd_api;
grant select on gate_pending to replyd_api;
grant update (kind, intent, confidence, evidence, level, reason, hold_until) on message to replyd_api;

-- As before, and what the mail by itself says of the gate.
create or replace function message_settle(the_inbox uuid, the_epoch bigint, item jsonb)
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

create or replace function gather_messages(verdicts gather_verdict[]) returns int[]
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
				matches = v.matches, return_at = v.return_at, ingested_at = clock_timestamp(),
				intent = coalesce(v.event_data ->> 'intent', ''), level = v.level, reason = v.reason, hold_until = v.hold_until
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

-- What the kind of a mail says of the gate where nobody kept it: rather too much.  ingest/ladder.c says it of new ones.
create function kind_closes(the_kind text, out level smallint, out reason text)
	language sql immutable parallel safe as $$
	select l::smallint, r from (values
		('reply', 3, 'replied'), ('calendar_reply', 3, 'replied'), ('unrelated', 3, 'replied'),
		('auto_reply.left_company', 3, 'left_company'), ('bounce.hard', 4, 'bounced_hard'), ('complaint', 6, 'complained'),
		(null, 0, '')) v (k, l, r)
	where v.k = the_kind or v.k is null order by v.k nulls last limit 1
$$;
grant execute on function kind_closes(text) to replyd_api;

-- A gate after a mail about it was corrected, whose row is locked.  What another mail, or a person, closed stays closed; what
-- only this mail closed follows the correction, unless an earlier one that hid behind it speaks for itself.
create function gate_corrected(m message, the_prospect text, level_before smallint, level_now smallint, why text, hold_to timestamptz) returns void
	language plpgsql as $$
declare
	ws uuid := workspace_now(); g gate; o record; pending uuid; hold timestamptz; hold_by uuid; rest smallint; verdict smallint;
	is_ours boolean;
begin
	select * into g from gate where gate.workspace_id = ws and gate.prospect_key = the_prospect;
	is_ours := g.level >= 3 and g.message_id is not distinct from m.message_id;
	select c.message_id into pending from gate_pending c where c.workspace_id = ws and c.prospect_key = the_prospect limit 1;
	-- The strongest of the others, and the longest hold of theirs.
	select x.message_id, coalesce(x.level, k.level) as level, coalesce(nullif(x.reason, ''), k.reason) as reason into o
		from prospect_message p
		join message_key y on y.workspace_id = ws and y.message_id = p.message_id
		join message x on x.workspace_id = ws and x.message_id = p.message_id and x.created_at = y.message_created_at
		cross join lateral kind_closes(x.kind) k
		where p.workspace_id = ws and p.prospect_key = the_prospect and p.message_id <> m.message_id and x.state <> 'pending'
		order by coalesce(x.level, k.level) desc, x.created_at limit 1;
	hold := g.hold_until; hold_by := g.hold_message_id;
	if hold_by is not distinct from m.message_id then
		select x.hold_until, x.message_id into hold, hold_by
			from prospect_message p
			join message_key y on y.workspace_id = ws and y.message_id = p.message_id
			join message x on x.workspace_id = ws and x.message_id = p.message_id and x.created_at = y.message_created_at
			where p.workspace_id = ws and p.prospect_key = the_prospect and p.message_id <> m.message_id
				and x.hold_until is not null
			order by x.hold_until desc limit 1;
	end if;
	if hold_to > coalesce(hold, '-infinity') then
		hold := hold_to; hold_by := m.message_id;
	end if;
	rest := case
		when g.level >= 3 and not is_ours then g.level
		when is_ours and o.level >= 3 then o.level
		when pending is not null then 2
		when hold > now() then 1
		else 0 end;
	-- Of a gate that somebody opened by hand since, only more than was known closes it again.
	verdict := case when level_now >= 3 and (is_ours or level_now > level_before) then level_now else 0 end;
	update gate set
		level = greatest(rest, verdict),
		reason = case
			when verdict > rest then why
			when rest >= 3 and not is_ours then g.reason
			when rest >= 3 then o.reason
			when rest = 2 then 'provisional'
			when rest = 1 then 'out_of_office'
			else '' end,
		message_id = case
			when verdict > rest then m.message_id
			when rest >= 3 and not is_ours then g.message_id
			when rest >= 3 then o.message_id
			when rest = 2 then pending
			when rest = 1 then hold_by end,
		hold_until = hold, hold_message_id = hold_by,
		closed_at = case when greatest(rest, verdict) > 0 then coalesce(g.closed_at, now()) end,
		updated_at = now()
	where gate.workspace_id = ws and gate.prospect_key = the_prospect;
end $$;
grant execute on function gate_corrected(message, text, smallint, smallint, text, timestamptz) to replyd_api;

create function gate_says(the_prospect text) returns jsonb
	language sql stable as $$
	select jsonb_build_object('level', g.level, 'reason', g.reason)
	from gate g where g.workspace_id = workspace_now() and g.prospect_key = the_prospect
$$;
grant execute on function gate_says(text) to replyd_api;

create function correction_says(c correction) returns jsonb
	language sql stable as $$
	select jsonb_build_object('message_id', c.message_id, 'kind', c.kind, 'intent', nullif(c.intent, ''),
		'was', jsonb_build_object('kind', c.was_kind, 'intent', nullif(c.was_intent, ''), 'confidence', c.was_confidence),
		'event_id', c.event_id, 'supersedes', c.supersedes, 'revision', c.revision, 'corrected_at', instant_text(c.corrected_at),
		'gate', c.gate, 'gate_before', c.gate_before)
$$;
grant execute on function correction_says(correction) to replyd_api;

-- The event that told a mail first; its type is a part of its id.
create function event_of_message(the_message uuid) returns event
	language sql stable as $$
	select e.* from unnest(array['reply.received', 'reply.auto', 'reply.unsubscribe', 'bounce.hard', 'bounce.soft', 'bounce.delayed',
		'complaint.received']) t (type)
	join event_key k on k.workspace_id = workspace_now()
		and k.event_id = event_id_of(workspace_now()::text, the_message::text, t.type, '1')
	join event e on e.workspace_id = k.workspace_id and e.event_id = k.event_id and e.created_at = k.event_created_at
	limit 1
$$;
grant execute on function event_of_message(uuid) to replyd_api;

-- A mail is what somebody says it is: kind, intent ('': none; null with kind 'reply': as it was), and what that closes (level 1: until
-- the day of return it told, or 7 days).  the_type: which event would have told it.
-- result: corrected, repeated (the same request once more), unchanged, not_found, pending (it is still being read), conflict (the
-- idempotency key was used for another request).
create function message_reclassify(the_message uuid, the_key text, the_print text, the_by uuid, the_kind text, the_intent text,
		the_level int, the_reason text, the_type text) returns table (result text, answer text)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); told timestamptz; m message; c correction; e event; key text; keys text[];
	level_before smallint; level_now smallint := the_level; why text := the_reason; hold timestamptz; n bigint; data jsonb;
begin
	select k.message_created_at into told from message_key k where k.workspace_id = ws and k.message_id = the_message;
	select * into m from message where message.workspace_id = ws and message.message_id = the_message and message.created_at = told;
	if not found then
		result := 'not_found'; return next; return;
	end if;
	select array_agg(k.p order by k.p) into keys from (
		select m.prospect_key union
		select x.value ->> 'prospect' from jsonb_array_elements(m.matches) x where x.value ->> 'prospect' is not null) k (p);
	foreach key in array keys loop
		insert into gate (workspace_id, prospect_key) values (ws, key) on conflict do nothing;
		perform 1 from gate where gate.workspace_id = ws and gate.prospect_key = key for update;
	end loop;
	select * into m from message where message.workspace_id = ws and message.message_id = the_message and message.created_at = told
		for update;

	select * into c from correction k where k.workspace_id = ws and k.idempotency_key = the_key;
	if found then
		result := case when c.message_id = the_message and c.fingerprint = the_print then 'repeated' else 'conflict' end;
		answer := correction_says(c)::text;
		return next; return;
	end if;
	if m.state = 'pending' then
		result := 'pending'; return next; return;
	end if;
	if the_intent is null then
		the_intent := case when m.kind = the_kind then m.intent when the_kind = 'reply' then 'neutral' else '' end;
	end if;
	if m.kind = the_kind and m.intent = the_intent then
		result := 'unchanged';
		answer := jsonb_build_object('message_id', m.message_id, 'kind', m.kind, 'intent', nullif(m.intent, ''),
			'gate', gate_says(m.prospect_key))::text;
		return next; return;
	end if;

	if level_now = 1 then
		hold := coalesce(m.return_at, m.internal_at + interval '7 days');
		if hold <= now() then
			level_now := 0; why := ''; hold := null;
		end if;
	end if;
	level_before := coalesce(m.level, (select k.level from kind_closes(m.kind) k));
	e := event_of_message(the_message);
	select count(*) + 1 into n from correction k where k.workspace_id = ws and k.message_id = the_message;
	c.message_id := the_message; c.revision := n; c.corrected_at := now(); c.kind := the_kind; c.intent := the_intent;
	c.was_kind := m.kind; c.was_intent := m.intent; c.was_confidence := m.confidence;
	c.event_id := event_id_of(ws::text, the_message::text, 'reply.reclassified', n::text);
	c.supersedes := case when n = 1 then e.event_id
		else event_id_of(ws::text, the_message::text, 'reply.reclassified', (n - 1)::text) end;
	c.gate_before := gate_says(m.prospect_key);
	foreach key in array keys loop
		perform gate_corrected(m, key, level_before, level_now, why, hold);
	end loop;
	c.gate := gate_says(m.prospect_key);
	insert into correction (workspace_id, message_id, revision, api_key_id, idempotency_key, fingerprint, was_kind, was_intent,
			was_confidence, was_evidence, kind, intent, event_id, supersedes, gate_before, gate)
		values (ws, the_message, n, the_by, the_key, the_print, m.kind, m.intent, m.confidence, m.evidence, the_kind, the_intent,
			c.event_id, c.supersedes, c.gate_before, c.gate);
	-- What was told before, with what is known better.
	data := coalesce(e.data, jsonb_build_object('prospect', jsonb_build_object('key', m.prospect_key)));
	data := data || jsonb_build_object(
		'kind', the_kind, 'intent', nullif(the_intent, ''), 'confidence', 1,
		'evidence', jsonb_build_array(jsonb_build_object('rule', 'corrected', 'source', 'person',
			'text', 'was ' || concat_ws(', ', m.kind, nullif(m.intent, '')))),
		'bounce', case when the_kind like 'bounce.%' then data -> 'bounce' end,
		'complaint', case when the_kind = 'complaint' then data -> 'complaint' end,
		'calendar', case when the_kind = 'calendar_reply' then data -> 'calendar' end,
		'followup_at', case when the_intent = 'not_now' then data -> 'followup_at' end,
		'return_at', case when the_kind = 'auto_reply.out_of_office' then data -> 'return_at' end,
		'gate', c.gate,
		'supersedes', c.supersedes, 'told_as', the_type,
		'was', jsonb_build_object('kind', m.kind, 'intent', nullif(m.intent, ''), 'gate', c.gate_before));
	update message set kind = the_kind, intent = the_intent, confidence = 1, evidence = data -> 'evidence', level = level_now,
			reason = why,
			hold_until = hold
		where message.workspace_id = ws and message.message_id = the_message and message.created_at = told;
	select gate.events + 1 into n from gate where gate.workspace_id = ws and gate.prospect_key = m.prospect_key;
	data := data || jsonb_build_object('prospect', (data -> 'prospect') || jsonb_build_object('seq', n));
	if event_put(c.event_id, 'reply.reclassified', m.prospect_key, n, m.inbox_id, the_message, data) then
		update gate set events = n, updated_at = now() where gate.workspace_id = ws and gate.prospect_key = m.prospect_key;
	end if;
	result := 'corrected'; answer := correction_says(c)::text;
	return next;
end $$;
grant execute on function message_reclassify(uuid, text, text, uuid, text, text, int, text, text) to replyd_api;

-- As before; ids by the array, one scan of an index for a job instead of one for each id, and nothing is kept of rows that nobody
-- asks for twice.
create or replace function gather_find(jobs jsonb) returns table (
		job int, digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz)
	language plpgsql set enable_seqscan = off set enable_memoize = off set plan_cache_mode = force_generic_plan as $$
begin
	perform set_config('replyd.workspaces', (select array_agg(distinct j.workspace_id)::text
		from jsonb_to_recordset(jobs) as j (workspace_id uuid)), true);
	return query
		select j.job, k.digest, o.*
		from jsonb_to_recordset(jobs) as j (job int, workspace_id uuid, digests jsonb)
		cross join lateral (select array_agg(decode(x.d, 'hex')) as all_of from jsonb_array_elements_text(j.digests) as x (d)) g
		-- Each apart, or the planner, who takes lists for long, reads whole tables.
		cross join lateral (
			select x.workspace_id, x.digest, x.outbound_id, x.outbound_created_at from outbound_key x
			where x.workspace_id = j.workspace_id and x.digest = any (g.all_of) and x.outbound_id is not null offset 0) k
		cross join lateral (
			select y.outbound_id, y.inbox_id, y.sequence, y.step, y.prospect_key, y.prospect_address, y.message_id, y.sent_at
			from outbound y where y.workspace_id = k.workspace_id and y.outbound_id = k.outbound_id
				and y.created_at = k.outbound_created_at offset 0) o
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

-- What the copy of a sent mail says of it before (or after) its outbound is registered: the Message-ID that the provider gave it in
-- the place of its own, and its thread.  Kept like a trace, keyed digests only.
create table sent_copy (
	workspace_id uuid not null,
	digest       bytea not null check (octet_length(digest) = 32), -- of the Message-ID under which it may be registered
	final        bytea not null,                                   -- of the one that its copy has; mostly the same
	names        bytea[] not null,                                 -- of its threads (ingest/match/match_names)
	inbox_id     uuid not null,
	seen_at      timestamptz not null default now(),
	primary key (workspace_id, digest)
);
create index sent_copy_age on sent_copy (workspace_id, inbox_id, seen_at);
call walled('sent_copy');
grant select, insert, delete on sent_copy to replyd_ingest;
grant select on sent_copy to replyd_api;
grant update (outbound_id, outbound_created_at) on outbound_key to replyd_ingest;
grant insert on outbound_name to replyd_ingest; -- what the copy of a sent mail teaches
grant insert on recheck, recheck_outbound to replyd_ingest;

-- An outbound is registered whose copy was seen before.
create function outbound_key_copied() returns trigger language plpgsql
	set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	s sent_copy;
begin
	select * into s from sent_copy c where c.workspace_id = new.workspace_id and c.digest = new.digest;
	if not found then
		return null;
	end if;
	insert into outbound_name (workspace_id, digest, sent_at, outbound_id, outbound_created_at)
		select new.workspace_id, n, o.sent_at, o.outbound_id, o.created_at
		from outbound o, unnest(s.names) n
		where o.workspace_id = new.workspace_id and o.outbound_id = new.outbound_id and o.created_at = new.outbound_created_at
		on conflict do nothing;
	update outbound_key k set outbound_id = new.outbound_id, outbound_created_at = new.outbound_created_at, touched_at = now()
		where s.final <> s.digest and k.workspace_id = new.workspace_id and k.digest = s.final and k.outbound_id is null;
	return null;
end $$;
create trigger outbound_key_copied after update on outbound_key
	for each row when (old.outbound_id is null and new.outbound_id is not null) execute function outbound_key_copied();

-- Of which outbound is this the copy, whose Message-ID the provider has changed?  The id that it had stands in the mail; or it went
-- from this inbox to the same person under the same subject within ten minutes, and to no other, and no copy of that was seen.
create function sent_copy_of(the_inbox uuid, original bytea, copies bytea[], at timestamptz, out outbound_id uuid,
		out created_at timestamptz)
	language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	ws uuid := workspace_now();
begin
	select k.outbound_id, k.outbound_created_at into outbound_id, created_at
		from outbound_key k where k.workspace_id = ws and k.digest = original and k.outbound_id is not null;
	if found then
		return;
	end if;
	select (array_agg(o.outbound_id))[1], (array_agg(o.created_at))[1] into outbound_id, created_at
		from unnest(copies) c (d)
		cross join lateral (
			select n.outbound_id, n.outbound_created_at from outbound_name n
			where n.workspace_id = ws and n.digest = c.d and n.sent_at between at - interval '10 minutes' and at + interval '10 minutes'
			limit 8) n
		join outbound o on o.workspace_id = ws and o.outbound_id = n.outbound_id and o.created_at = n.outbound_created_at
			and o.inbox_id = the_inbox and o.sent_copy_at is null
		having count(distinct o.outbound_id) = 1;
end $$;
grant execute on function sent_copy_of(uuid, bytea, bytea[], timestamptz) to replyd_ingest;

-- What copies say of their outbounds, at once or when these are registered.  Of sent_seen(), whose rows of outbound_key are ours.
-- items: [{message_id, digest, original, names: [hex], copies: [hex], internal_at}], as far as given
create function sent_copied(the_inbox uuid, items jsonb) returns void language plpgsql
	set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	ws uuid := workspace_now(); i record; o record; own bytea; original bytea; threads bytea[]; copies bytea[];
begin
	delete from sent_copy c where c.workspace_id = ws and c.inbox_id = the_inbox and c.seen_at < now() - interval '14 days';
	for i in
		select r.* from jsonb_to_recordset(items) as r (message_id uuid, digest text, original text, names jsonb, copies jsonb,
			internal_at timestamptz) where r.digest is not null order by r.digest
	loop
		own := decode(i.digest, 'hex'); original := coalesce(decode(i.original, 'hex'), own);
		select coalesce(array_agg(decode(x.d, 'hex')), '{}') into threads from jsonb_array_elements_text(i.names) x (d);
		select array_agg(decode(x.d, 'hex')) into copies from jsonb_array_elements_text(i.copies) x (d);
		select k.outbound_id, k.outbound_created_at as created_at into o
			from outbound_key k where k.workspace_id = ws and k.digest = own;
		if o.outbound_id is null then
			select c.outbound_id, c.created_at into o from sent_copy_of(the_inbox, original, copies, i.internal_at) c;
			if o.outbound_id is null then
				insert into sent_copy (workspace_id, digest, final, names, inbox_id)
					select ws, original, own, threads, the_inbox where original <> own or threads <> '{}'
					on conflict do nothing;
				continue;
			end if;
			update outbound_key k set outbound_id = o.outbound_id, outbound_created_at = o.created_at
				where k.workspace_id = ws and k.digest = own;
			update outbound b set sent_copy_at = now()
				where b.workspace_id = ws and b.outbound_id = o.outbound_id and b.created_at = o.created_at and b.sent_copy_at is null;
			delete from manual_pending p where p.workspace_id = ws and p.message_id = i.message_id;
			-- Answers to that id that came before.
			with mails as materialized (
				select t.inbox_id, t.folder_id, t.uidvalidity, t.uid, t.digest, t.seen_at from trace t
				join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
				where t.workspace_id = ws and t.digest = own and t.names = 'id'
			), again as (
				insert into recheck as r (workspace_id, inbox_id, folder_id, uidvalidity, uid)
				select ws, m.inbox_id, m.folder_id, m.uidvalidity, m.uid from mails m order by 3, 4, 5
				on conflict (workspace_id, folder_id, uidvalidity, uid) do update set taken_at = null
			)
			insert into recheck_outbound (workspace_id, folder_id, uidvalidity, uid, outbound_id, outbound_created_at, inbox_id,
					prospect_key, digest, seen_at)
				select ws, m.folder_id, m.uidvalidity, m.uid, b.outbound_id, b.created_at, m.inbox_id, b.prospect_key, m.digest, m.seen_at
				from mails m join outbound b on b.workspace_id = ws and b.outbound_id = o.outbound_id and b.created_at = o.created_at
				order by m.folder_id, m.uidvalidity, m.uid
				on conflict do nothing;
		end if;
		insert into outbound_name (workspace_id, digest, sent_at, outbound_id, outbound_created_at)
			select ws, n, b.sent_at, b.outbound_id, b.created_at
			from outbound b, unnest(threads) n
			where b.workspace_id = ws and b.outbound_id = o.outbound_id and b.created_at = o.created_at
			on conflict do nothing;
	end loop;
end $$;
grant execute on function sent_copied(uuid, jsonb) to replyd_ingest;

-- As before, and what the copies say.
create or replace function sent_seen(the_inbox uuid, the_epoch bigint, the_folder uuid, the_uidvalidity bigint, the_role text,
		grace interval, items jsonb) returns void
	language plpgsql as $$
declare
	ws uuid := workspace_now(); connected timestamptz;
begin
	perform fence(the_inbox, the_epoch);
	select b.created_at into connected from inbox b where b.workspace_id = ws and b.inbox_id = the_inbox;
	-- The row lock is the point, as in trace_keep(): a registration in flight is waited for, a later one sees what we leave.
	with given as materialized (
		select r.*, decode(r.digest, 'hex') as own from jsonb_to_recordset(items) as r (message_id uuid, uid bigint, digest text,
			answers jsonb, answers_ids jsonb, addresses jsonb, header_message_id text, subject text, internal_at timestamptz,
			detected_at timestamptz, recovered boolean, by_person boolean)
	), locked as (
		insert into outbound_key as ok (workspace_id, digest)
		select distinct ws, g.own from given g where g.own is not null order by g.own
		on conflict (workspace_id, digest) do update set touched_at = now()
		returning ok.digest, ok.outbound_id, ok.outbound_created_at
	), copied as (
		update outbound o set sent_copy_at = now()
		from locked l
		where o.workspace_id = ws and o.outbound_id = l.outbound_id and o.created_at = l.outbound_created_at
			and o.sent_copy_at is null
	), strange as (
		select g.* from given g where not exists (select from locked l where l.digest = g.own and l.outbound_id is not null)
	), kept as (
		insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, names)
		select ws, s.own, the_inbox, the_folder, the_uidvalidity, s.uid, 'own' from strange s where s.own is not null
		on conflict do nothing
	), concerned as (
		-- What the prospect wrote and this answers, the outbound that this follows up, whom it is addressed to.
		select s.message_id as mail, x.value ->> 'prospect' as key, x.value ->> 'address' as address, x.value -> 'outbound_id' as outbound,
			to_jsonb(m.message_id) as answered, 1 as rank, m.internal_at as at
		from strange s cross join lateral jsonb_array_elements_text(s.answers_ids) i (id)
		join message m on m.workspace_id = ws and m.header_message_id = i.id and i.id <> ''
		cross join lateral jsonb_array_elements(m.matches) x
		union all
		select s.message_id, o.prospect_key, o.prospect_address, to_jsonb(o.outbound_id), null, 2, o.sent_at
		from strange s cross join lateral jsonb_array_elements_text(s.answers) a (digest)
		join outbound_key k on k.workspace_id = ws and k.digest = decode(a.digest, 'hex')
		join outbound o on o.workspace_id = ws and o.outbound_id = k.outbound_id and o.created_at = k.outbound_created_at
		union all
		select s.message_id, o.prospect_key, o.prospect_address, null, null, 3, o.sent_at
		from strange s cross join lateral jsonb_array_elements_text(s.addresses) a (address)
		join outbound o on o.workspace_id = ws and o.prospect_address = a.address and o.inbox_id = the_inbox
	), each as (
		select distinct on (c.mail, c.key) c.* from concerned c order by c.mail, c.key, c.rank, c.at desc
	)
	insert into manual_pending (workspace_id, message_id, inbox_id, digest, prospects, header_message_id, subject, folder_role,
			sent_at, detected_at, recovered, due_at)
		select ws, s.message_id, the_inbox, s.own,
			(select jsonb_agg(jsonb_build_object('key', e.key, 'address', e.address, 'outbound_id', e.outbound,
				'message_id', e.answered) order by e.key) from each e where e.mail = s.message_id),
			s.header_message_id, s.subject, the_role, s.internal_at, s.detected_at, s.recovered, now() + grace
		from strange s
		-- What was sent before the inbox was connected is no news.
		where s.by_person and s.internal_at >= connected and exists (select from each e where e.mail = s.message_id)
		order by s.message_id
		on conflict do nothing;
	perform sent_copied(the_inbox, items);
end $$;

-- Does whoever writes from a prospect's company speak for him, with nothing else to say so?  Nobody's default.
alter table workspace add column match_company boolean not null default false;
grant update (match_company) on workspace to replyd_admin;

-- items of outbound_register(), each perhaps with `company`, a name that is kept where the workspace wants it.
create function outbound_wanted(items jsonb) returns jsonb
	language sql stable as $$
	select case when not w.match_company then items else (
		select jsonb_agg(case when x.value ? 'company' then jsonb_set(x.value, '{names}', (x.value -> 'names') || (x.value -> 'company'))
			else x.value end order by x.ordinality)
		from jsonb_array_elements(items) with ordinality x) end
	from workspace w where w.workspace_id = workspace_now()
$$;
grant execute on function outbound_wanted(jsonb) to replyd_api;
