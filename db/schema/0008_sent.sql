-- Copies of what an inbox sent, mails that are looked at again, and mails that took a process down.
-- works-with: 8

-- ---- own copies ----

alter table outbound add column sent_copy_at timestamptz; -- when its copy was seen in the mailbox that sent it
grant update (sent_copy_at) on outbound to replyd_ingest, replyd_api;
create index outbound_address on outbound (workspace_id, prospect_address);
create index message_header_id on message (workspace_id, header_message_id) where header_message_id <> '';

-- 'own': the Message-ID of a mail that the inbox itself sent.
alter table trace drop constraint trace_names_check,
	add constraint trace_names_check check (names in ('id', 'sender', 'own'));

-- Written to a prospect, and nobody has registered it (yet).  What is still here when its time has come was written by hand.
create table manual_pending (
	workspace_id uuid not null,
	message_id   uuid not null,                -- derived from the identity of the mail
	inbox_id     uuid not null,
	digest       bytea,                        -- of its Message-ID; null: it has none
	prospects    jsonb not null,               -- [{key, address, outbound_id, message_id}]: the latter two are what it answers
	header_message_id text not null default '',
	subject      text not null default '',
	folder_role  text not null,
	sent_at      timestamptz not null,
	detected_at  timestamptz not null,
	recovered    boolean not null default false,
	due_at       timestamptz not null,
	primary key (workspace_id, message_id)
);
create index manual_pending_due on manual_pending (due_at);
create index manual_pending_digest on manual_pending (workspace_id, digest);
call walled('manual_pending');
call opened_to('manual_pending', 'replyd_ingest', 'what is due is told by whichever worker comes first');
grant select, insert, delete on manual_pending to replyd_ingest;
grant select, delete on manual_pending to replyd_api;

-- Mails that the inbox itself sent: the copy of an outbound is noted; what may have been written by hand to a prospect waits
-- for its registration; of all that is not registered the keyed Message-ID is kept, as of unrelated mails.
-- items: [{message_id, uid, digest (hex, null), answers: [hex], answers_ids: [text], addresses: [text], header_message_id,
--          subject, internal_at, detected_at, recovered, by_person}]
create function sent_seen(the_inbox uuid, the_epoch bigint, the_folder uuid, the_uidvalidity bigint, the_role text,
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
end $$;
grant execute on function sent_seen(uuid, bigint, uuid, bigint, text, interval, jsonb) to replyd_ingest;

-- Tell what was written by hand.  Whoever takes the row away tells it; an outbound registered meanwhile has taken it.
-- items: [{message_id, digest (hex, null), sent_at, inbox_id, events: [{prospect_key, event_id, data}]}]; returns how many events are new.
create function manual_tell(items jsonb) returns int
	language plpgsql as $$
declare
	ws uuid := workspace_now(); e record; key text; taken uuid[]; seq bigint; n int := 0;
begin
	-- The order of all: keys by digest, then gates by key.
	perform 1 from outbound_key k where k.workspace_id = ws and k.digest in (
			select decode(r.digest, 'hex') from jsonb_to_recordset(items) as r (digest text))
		order by k.digest for update;
	with gone as (
		delete from manual_pending p where p.workspace_id = ws
			and p.message_id in (select r.message_id from jsonb_to_recordset(items) as r (message_id uuid))
		returning p.message_id)
	select coalesce(array_agg(g.message_id), '{}') into taken from gone g;
	for key in
		select distinct x.value ->> 'prospect_key' as k
		from jsonb_to_recordset(items) as r (message_id uuid, events jsonb), jsonb_array_elements(r.events) x
		where r.message_id = any (taken) order by k
	loop
		insert into gate (workspace_id, prospect_key) values (ws, key) on conflict do nothing;
		perform 1 from gate g where g.workspace_id = ws and g.prospect_key = key for update;
	end loop;
	for e in
		select r.message_id, r.inbox_id, x.value ->> 'prospect_key' as prospect_key, (x.value ->> 'event_id')::uuid as event_id,
			x.value -> 'data' as data
		from jsonb_to_recordset(items) as r (message_id uuid, inbox_id uuid, sent_at timestamptz, events jsonb),
			jsonb_array_elements(r.events) x
		where r.message_id = any (taken) order by r.sent_at, r.message_id, 3
	loop
		select g.events + 1 into seq from gate g where g.workspace_id = ws and g.prospect_key = e.prospect_key;
		if event_put(e.event_id, 'outbound.manual', e.prospect_key, seq, e.inbox_id, e.message_id,
				e.data || jsonb_build_object('prospect', (e.data -> 'prospect') || jsonb_build_object('seq', seq))) then
			update gate g set events = seq where g.workspace_id = ws and g.prospect_key = e.prospect_key;
			n := n + 1;
		end if;
	end loop;
	return n;
end $$;
grant execute on function manual_tell(jsonb) to replyd_ingest;

-- ---- mails that are looked at again ----

-- Somebody looks at it: an outbound that is registered from then on takes this back, and it is looked at once more.
alter table recheck add column taken_at timestamptz;
grant update (taken_at) on recheck to replyd_ingest, replyd_api;

-- Which outbounds it is looked at for: their gates wait for it, in whichever inbox it is, and when it is gone they are what is known.
create table recheck_outbound (
	workspace_id uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	outbound_id  uuid not null,
	outbound_created_at timestamptz not null,
	inbox_id     uuid not null,                -- where the mail is
	prospect_key text not null,
	digest       bytea not null,
	seen_at      timestamptz not null,         -- when the mail was seen first
	primary key (workspace_id, folder_id, uidvalidity, uid, outbound_id),
	foreign key (workspace_id, folder_id, uidvalidity, uid) references recheck on delete cascade
);
create index recheck_outbound_prospect on recheck_outbound (workspace_id, prospect_key);
call walled('recheck_outbound');
grant select on recheck_outbound to replyd_ingest;
grant select, insert on recheck_outbound to replyd_api;

-- What a mail that is gone was looked at for, as outbound_find() gives it; not what another mail names too: that one tells it.
create function recheck_names(the_folder uuid, the_uidvalidity bigint, the_uid bigint) returns table (
		digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz, seen_at timestamptz)
	language sql stable as $$
	select c.digest, o.outbound_id, o.inbox_id, o.sequence, o.step, o.prospect_key, o.prospect_address, o.message_id, o.sent_at,
		c.seen_at
	from recheck_outbound c
	join outbound o on o.workspace_id = c.workspace_id and o.outbound_id = c.outbound_id and o.created_at = c.outbound_created_at
	where c.workspace_id = workspace_now() and c.folder_id = the_folder and c.uidvalidity = the_uidvalidity and c.uid = the_uid
		and not exists (select from trace t join folder f on f.workspace_id = t.workspace_id and f.folder_id = t.folder_id
				and f.uidvalidity = t.uidvalidity
			where t.workspace_id = c.workspace_id and t.digest = c.digest and t.names = 'id'
				and (t.folder_id, t.uidvalidity, t.uid) <> (the_folder, the_uidvalidity, the_uid))
$$;
grant execute on function recheck_names(uuid, bigint, bigint) to replyd_ingest;

-- Register outbounds, in the order of their digests, then what hangs on them, sorted too (two batches never wait for
-- each other in a ring).
-- items: [{outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id, sent_at, digest, fingerprint}]
-- with digests in hex.  result: created, repeated (the same again), conflict (same Message-ID, other content),
-- unknown_inbox.  Mails that named the id before are put on the recheck list.
create or replace function outbound_register(items jsonb) returns table (item int, result text, outbound_id uuid, rechecks int)
	language plpgsql as $$
declare
	i record; k record; ws uuid := workspace_now(); fresh bytea[] := '{}';
begin
	for i in
		select x.ordinality::int - 1 as at, r.*
		from jsonb_array_elements(items) with ordinality x,
			jsonb_to_record(x.value) as r (outbound_id uuid, inbox_id uuid, sequence text, step text, prospect_key text,
				prospect_address text, message_id text, sent_at timestamptz, digest text, fingerprint text)
		order by decode(r.digest, 'hex'), x.ordinality
	loop
		item := i.at; rechecks := 0; outbound_id := i.outbound_id;
		perform 1 from inbox b where b.workspace_id = ws and b.inbox_id = i.inbox_id and b.admin_state <> 'removed';
		if not found then
			result := 'unknown_inbox'; outbound_id := null; return next; continue;
		end if;
		-- One statement, so that the row is ours also when a placeholder is just being removed.
		insert into outbound_key as ok (workspace_id, digest) values (ws, decode(i.digest, 'hex'))
			on conflict (workspace_id, digest) do update set touched_at = now()
			returning ok.outbound_id, ok.fingerprint into k;
		if k.outbound_id is not null then
			outbound_id := k.outbound_id;
			result := case when k.fingerprint = decode(i.fingerprint, 'hex') then 'repeated' else 'conflict' end;
			return next; continue;
		end if;
		insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id, sent_at)
			values (ws, i.outbound_id, i.inbox_id, i.sequence, i.step, i.prospect_key, i.prospect_address, i.message_id, i.sent_at);
		update outbound_key ok set outbound_id = i.outbound_id, outbound_created_at = now(),
				fingerprint = decode(i.fingerprint, 'hex'), touched_at = now()
			where ok.workspace_id = ws and ok.digest = decode(i.digest, 'hex');
		select count(*) into rechecks
			from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
			where t.workspace_id = ws and t.digest = decode(i.digest, 'hex') and t.names = 'id';
		fresh := fresh || decode(i.digest, 'hex');
		result := 'created'; return next;
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
	insert into recheck as r (workspace_id, inbox_id, folder_id, uidvalidity, uid)
		select distinct t.workspace_id, t.inbox_id, t.folder_id, t.uidvalidity, t.uid
		from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
		where t.workspace_id = ws and t.digest = any (fresh) and t.names = 'id'
		order by t.folder_id, t.uidvalidity, t.uid
		on conflict (workspace_id, folder_id, uidvalidity, uid) do update set taken_at = null;
	insert into recheck_outbound (workspace_id, folder_id, uidvalidity, uid, outbound_id, outbound_created_at, inbox_id,
			prospect_key, digest, seen_at)
		select ws, t.folder_id, t.uidvalidity, t.uid, o.outbound_id, o.created_at, t.inbox_id, o.prospect_key, t.digest, t.seen_at
		from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
		join outbound_key k2 on k2.workspace_id = ws and k2.digest = t.digest
		join outbound o on o.workspace_id = ws and o.outbound_id = k2.outbound_id and o.created_at = k2.outbound_created_at
		where t.workspace_id = ws and t.digest = any (fresh) and t.names = 'id'
		order by t.folder_id, t.uidvalidity, t.uid
		on conflict do nothing;
	-- Its copy was seen before: it was not written by hand.
	update outbound o set sent_copy_at = s.seen_at
		from (select t.digest, min(t.seen_at) as seen_at from trace t
			where t.workspace_id = ws and t.digest = any (fresh) and t.names = 'own' group by t.digest) s
		join outbound_key k2 on k2.workspace_id = ws and k2.digest = s.digest
		where o.workspace_id = ws and o.outbound_id = k2.outbound_id and o.created_at = k2.outbound_created_at;
	delete from manual_pending p where p.workspace_id = ws and p.digest = any (fresh);
end $$;

-- ---- mails that took a process down ----

-- A mail that is worked on again, or that looks dangerous: written before its bytes reach the MIME library, removed when that
-- went well.  What two processes have left here is not worked on by a third.
create table mail_attempt (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	epoch        bigint not null,              -- of who began it last: one process counts once
	tries        int not null,                 -- how many have begun it
	began_at     timestamptz not null default now(),
	primary key (workspace_id, folder_id, uidvalidity, uid),
	foreign key (workspace_id, folder_id) references folder
);
create index mail_attempt_age on mail_attempt (began_at);
create index mail_attempt_inbox on mail_attempt (inbox_id);
call walled('mail_attempt');
call opened_to('mail_attempt', 'replyd_rotation', 'attempts at mails that are no more are removed');
call opened_to('mail_attempt', 'replyd_ingest', 'who leaves or is succeeded in order did not die of what he had begun');
grant select, insert, update, delete on mail_attempt to replyd_ingest;
grant select, delete on mail_attempt to replyd_rotation;

-- Begin, and be done with the one before (0: none).  Returns how many processes have begun it, this one among them.  Where
-- the one before us died, a message that it left pending, or headers that nobody had read, are an attempt that was not
-- written down.
create function attempt_begin(the_inbox uuid, the_epoch bigint, the_folder uuid, the_uidvalidity bigint, the_uid bigint,
		the_message uuid, of_headers boolean, the_done bigint) returns int
	language plpgsql as $$
declare
	ws uuid := workspace_now(); was_left boolean; n int;
begin
	perform fence(the_inbox, the_epoch);
	delete from mail_attempt
		where workspace_id = ws and folder_id = the_folder and uidvalidity = the_uidvalidity and uid = the_done;
	select l.bereft and (of_headers or exists (
			select from message_key k
			join message m on m.workspace_id = ws and m.message_id = k.message_id and m.created_at = k.message_created_at
				and m.state = 'pending' and m.gated_at < l.taken_at
			where k.workspace_id = ws and k.message_id = the_message))
		into was_left from lease l where l.workspace_id = ws and l.inbox_id = the_inbox;
	insert into mail_attempt as a (workspace_id, inbox_id, folder_id, uidvalidity, uid, epoch, tries)
		values (ws, the_inbox, the_folder, the_uidvalidity, the_uid, the_epoch, case when was_left then 2 else 1 end)
		on conflict (workspace_id, folder_id, uidvalidity, uid) do update set
			tries = a.tries + case when a.epoch = excluded.epoch then 0 else 1 end, epoch = excluded.epoch, began_at = now()
		returning a.tries into n;
	return n;
end $$;
grant execute on function attempt_begin(uuid, bigint, uuid, bigint, bigint, uuid, boolean, bigint) to replyd_ingest;

-- As before, and attempts.
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
	delete from mail_attempt where began_at < now() - trace_age;
	-- Whoever saw it is gone, or has been told otherwise.
	update outage set ended_at = seen_at where ended_at is null and seen_at < now() - interval '15 minutes';
	delete from outage where ended_at < now() - greatest(trace_age, interval '90 days');
	delete from connect_link where expires_at < now() - interval '30 days';
	get diagnostics n = row_count;
	return total + n;
end $$;
