-- What was sent, what came back, and the gate between them.
--
-- Big tables are partitioned by month; what must be unique lives in key tables,
-- hash-partitioned by workspace, since a unique constraint must hold the
-- partition key.  A default partition catches what no month was made for.

create table outbound (
	workspace_id     uuid not null,
	outbound_id      uuid not null,
	created_at       timestamptz not null default now(),
	inbox_id         uuid not null,
	sequence         text not null,
	step             text not null,
	prospect_key     text not null,
	prospect_address text not null,
	message_id       text not null,            -- normal form, without <>
	sent_at          timestamptz not null,
	primary key (workspace_id, outbound_id, created_at)
) partition by range (created_at);
create table outbound_default partition of outbound default;
create index outbound_prospect on outbound (workspace_id, prospect_key);

-- The rendezvous of outbound and reply: HMAC of a Message-ID under the workspace's key.
-- A row without outbound_id was put here by a mail that named an id nobody has registered (yet);
-- both sides lock the row, so whichever commits second sees the other.
create table outbound_key (
	workspace_id uuid not null,
	digest       bytea not null check (octet_length(digest) = 32),
	outbound_id  uuid,
	outbound_created_at timestamptz,
	fingerprint  bytea,                        -- of the registered content: the same again is no conflict
	touched_at   timestamptz not null default now(),
	primary key (workspace_id, digest),
	check ((outbound_id is null) = (outbound_created_at is null))
) partition by hash (workspace_id);
create index outbound_key_placeholder on outbound_key (touched_at) where outbound_id is null;

-- Which inboxes have written to this prospect: whose eyes a gate needs.
create table prospect_inbox (
	workspace_id uuid not null,
	prospect_key text not null,
	inbox_id     uuid not null,
	last_sent_at timestamptz not null,
	primary key (workspace_id, prospect_key, inbox_id)
);

-- An unrelated mail left these behind for 14 days: no text, no address, only keyed digests.
create table trace (
	workspace_id uuid not null,
	digest       bytea not null,
	inbox_id     uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	names        text not null check (names in ('id', 'sender')),
	seen_at      timestamptz not null default now(),
	primary key (workspace_id, digest, folder_id, uidvalidity, uid),
	foreign key (workspace_id, folder_id) references folder
);
create index trace_age on trace (seen_at);

-- Look at this mail again: an outbound registered late names it.
create table recheck (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	created_at   timestamptz not null default now(),
	primary key (workspace_id, folder_id, uidvalidity, uid),
	foreign key (workspace_id, folder_id) references folder
);
create index recheck_inbox on recheck (inbox_id);

-- May anyone still write to this person?  The ladder only rises here; what may lower it is in gate_* functions.
create table gate (
	workspace_id uuid not null,
	prospect_key text not null,
	level        smallint not null default 0 check (level between 0 and 6),
	-- 0 open, 1 hold, 2 provisional, 3 replied, 4 bounced_hard, 5 unsubscribed, 6 complained
	reason       text not null default '',
	hold_until   timestamptz,
	message_id   uuid,                         -- the message that set the level
	hold_message_id uuid,                      -- the message that asked for the hold, also while another level hides it
	closed_at    timestamptz,
	events       bigint not null default 0,    -- how many events this prospect has: the next prospect_seq
	updated_at   timestamptz not null default now(),
	primary key (workspace_id, prospect_key)
) partition by hash (workspace_id);

create table message (
	workspace_id uuid not null,
	message_id   uuid not null,                -- derived from the identity of the mail
	created_at   timestamptz not null default now(),
	inbox_id     uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	state        text not null check (state in ('pending', 'done', 'text_unavailable')),
	prospect_key text not null,
	header_message_id text not null default '',
	sender       text not null default '',
	subject      text not null default '',
	internal_at  timestamptz not null,
	size_bytes   bigint not null,
	kind         text not null default '',
	confidence   real not null default 0,
	snippet      text not null default '',
	matches      jsonb not null,               -- [{outbound_id, method, confidence, evidence}], strongest first
	evidence     jsonb not null default '[]',
	return_at    timestamptz,
	recovered    boolean not null default false, -- registered late, or found after a gap
	detected_at  timestamptz not null,
	gated_at     timestamptz not null default now(),
	ingested_at  timestamptz,
	primary key (workspace_id, message_id, created_at)
) partition by range (created_at);
create table message_default partition of message default;
create index message_pending on message (inbox_id) where state = 'pending';

create table message_key (
	workspace_id uuid not null,
	message_id   uuid not null,
	message_created_at timestamptz not null,
	primary key (workspace_id, message_id)
) partition by hash (workspace_id);

-- Which gates a pending message keeps provisional.  The gate opens again when the last of them is settled.
create table gate_pending (
	workspace_id uuid not null,
	prospect_key text not null,
	message_id   uuid not null,
	primary key (workspace_id, prospect_key, message_id)
);
create index gate_pending_message on gate_pending (workspace_id, message_id);

-- Where a message was seen: the same mail in two inboxes is one message with two sightings.
create table sighting (
	workspace_id uuid not null,
	message_id   uuid not null,
	inbox_id     uuid not null,
	folder_id    uuid not null,
	uidvalidity  bigint not null,
	uid          bigint not null,
	seen_at      timestamptz not null default now(),
	primary key (workspace_id, message_id, folder_id, uidvalidity, uid)
);

do $$
declare parent text; n int;
begin
	foreach parent in array array['outbound_key', 'gate', 'message_key'] loop
		for n in 0..7 loop
			execute format('create table %I partition of %I for values with (modulus 8, remainder %s)',
				parent || '_' || n, parent, n);
			call shut((parent || '_' || n)::regclass);
		end loop;
	end loop;
end $$;
call shut('outbound_default');
call shut('message_default');

call walled('outbound');
call walled('outbound_key');
call walled('prospect_inbox');
call walled('trace');
call walled('recheck');
call walled('gate');
call walled('message');
call walled('message_key');
call walled('sighting');
call walled('gate_pending');
call opened_to('recheck', 'replyd_ingest', 'a worker polls the rechecks of all its inboxes');
call opened_to('trace', 'replyd_rotation', 'traces older than 14 days are removed');
call opened_to('outbound_key', 'replyd_rotation', 'placeholders older than 14 days are removed');

grant select, insert on outbound to replyd_api;
grant select, insert, update on outbound_key to replyd_api;
grant select, insert, update on prospect_inbox to replyd_api;
grant select on trace to replyd_api;
grant select, insert on recheck to replyd_api;
grant select on gate, message, message_key, sighting to replyd_api;
grant select on outbound, prospect_inbox to replyd_ingest;
grant select, insert, update (touched_at) on outbound_key to replyd_ingest;
grant select, insert on trace to replyd_ingest;
grant select, delete on recheck to replyd_ingest;
grant select, insert, update on gate, message to replyd_ingest;
grant select, insert on message_key, sighting to replyd_ingest;
grant select, insert, delete on gate_pending to replyd_ingest;
grant select, delete on trace, outbound_key to replyd_rotation;

-- Outbounds of a match: one round trip for a batch of digests.
create function outbound_find(digests bytea[]) returns table (
		digest bytea, outbound_id uuid, inbox_id uuid, sequence text, step text,
		prospect_key text, prospect_address text, message_id text, sent_at timestamptz)
	language sql stable as $$
	select k.digest, o.outbound_id, o.inbox_id, o.sequence, o.step,
		o.prospect_key, o.prospect_address, o.message_id, o.sent_at
	from outbound_key k
	join outbound o on o.workspace_id = k.workspace_id and o.outbound_id = k.outbound_id
		and o.created_at = k.outbound_created_at
	where k.workspace_id = workspace_now() and k.digest = any (digests)
$$;
grant execute on function outbound_find(bytea[]) to replyd_ingest;

-- Register outbounds, in the order of their digests, then what hangs on them, sorted too (two batches never wait for
-- each other in a ring).
-- items: [{outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id, sent_at, digest, fingerprint}]
-- with digests in hex.  result: created, repeated (the same again), conflict (same Message-ID, other content),
-- unknown_inbox.  Mails that named the id before are put on the recheck list.
create function outbound_register(items jsonb) returns table (item int, result text, outbound_id uuid, rechecks int)
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
	insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)
		select distinct t.workspace_id, t.inbox_id, t.folder_id, t.uidvalidity, t.uid
		from trace t join folder f on f.workspace_id = ws and f.folder_id = t.folder_id and f.uidvalidity = t.uidvalidity
		where t.workspace_id = ws and t.digest = any (fresh) and t.names = 'id'
		order by t.folder_id, t.uidvalidity, t.uid
		on conflict do nothing;
end $$;
grant execute on function outbound_register(jsonb) to replyd_api;

-- Keep the keyed digests of unrelated mails, and say which of them an outbound registered meanwhile names after all.
-- items: [{folder_id, uidvalidity, uid, digest, names}]
create function trace_keep(the_inbox uuid, the_epoch bigint, items jsonb) returns table (folder_id uuid, uid bigint)
	language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	perform fence(the_inbox, the_epoch);
	-- The row lock is the point: a registration in flight is waited for, a later one waits for us and sees the trace.
	return query
		with locked as (
			insert into outbound_key as ok (workspace_id, digest)
			select distinct ws, decode(r.digest, 'hex') d
			from jsonb_to_recordset(items) as r (digest text, names text) where r.names = 'id' order by d
			on conflict (workspace_id, digest) do update set touched_at = now()
			returning ok.digest, ok.outbound_id)
		select distinct r.folder_id, r.uid
		from jsonb_to_recordset(items) as r (folder_id uuid, uid bigint, digest text, names text)
		join locked l on l.digest = decode(r.digest, 'hex') and l.outbound_id is not null
		where r.names = 'id';
	insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, names)
		select ws, decode(r.digest, 'hex'), the_inbox, r.folder_id, r.uidvalidity, r.uid, r.names
		from jsonb_to_recordset(items) as r (folder_id uuid, uidvalidity bigint, uid bigint, digest text, names text)
		on conflict do nothing;
end $$;
grant execute on function trace_keep(uuid, bigint, jsonb) to replyd_ingest;

-- Transaction 1 of a reply: the gates close (provisional) from headers alone, the message is pending.
-- items: [{message_id, prospect_keys: [..], folder_id, uidvalidity, uid, header_message_id, sender, subject, internal_at,
--          size_bytes, matches, detected_at, recovered}]
-- was: 'new', 'pending' (a crash came between), 'done' (seen elsewhere before: only a sighting more)
create function gate_close(the_inbox uuid, the_epoch bigint, items jsonb) returns table (message_id uuid, uid bigint, was text)
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
			update gate g set level = 2, reason = 'provisional', message_id = i.message_id,
					closed_at = coalesce(g.closed_at, now()), updated_at = now()
				where g.workspace_id = ws and g.level < 2
					and g.prospect_key in (select jsonb_array_elements_text(i.prospect_keys));
		end if;
		return next;
	end loop;
end $$;
grant execute on function gate_close(uuid, bigint, jsonb) to replyd_ingest;

-- Move a folder's watermarks; they never go back, and are never ahead of our clock, however wrong the worker's is: what is
-- not over cannot have been seen.  False: the folder has another UIDVALIDITY by now.
create function folder_advance(the_inbox uuid, the_epoch bigint, the_folder uuid, the_uidvalidity bigint,
		gated bigint, gated_at timestamptz, ingested bigint, ingested_at timestamptz) returns boolean
	language plpgsql as $$
begin
	perform fence(the_inbox, the_epoch);
	update folder f set
		uid_gated = greatest(f.uid_gated, gated),
		uid_ingested = least(greatest(f.uid_ingested, ingested), greatest(f.uid_gated, gated)),
		gated_through = greatest(f.gated_through, case when gated_at > now() then now() else gated_at end),
		ingested_through = greatest(f.ingested_through, case when ingested_at > now() then now() else ingested_at end)
	where f.folder_id = the_folder and f.inbox_id = the_inbox and f.uidvalidity = the_uidvalidity;
	return found;
end $$;
grant execute on function folder_advance(uuid, bigint, uuid, bigint, bigint, timestamptz, bigint, timestamptz) to replyd_ingest;
