-- People: how they sign in to the console, what they may do there, and what was changed by whom.
--
-- works-with: 23

-- ---- sign-in ----

-- A link that the command line printed: good once, for minutes.
create table person_link (
	workspace_id uuid not null references workspace,
	link_id      uuid not null,
	digest       bytea not null unique check (octet_length(digest) = 32), -- SHA-256 of what stands in the link
	person       text not null check (length(person) between 1 and 120),  -- who it was made for, as the audit names him
	role         text not null check (role in ('viewer', 'operator', 'admin')),
	created_at   timestamptz not null default now(),
	expires_at   timestamptz not null,
	used_at      timestamptz,
	primary key (workspace_id, link_id)
);

-- A person in a browser.  The cookie's digest opens its own row and no other.
create table person_session (
	workspace_id uuid not null references workspace,
	session_id   uuid not null,
	digest       bytea not null unique check (octet_length(digest) = 32),
	person       text not null,
	role         text not null check (role in ('viewer', 'operator', 'admin')),
	created_at   timestamptz not null default now(),
	expires_at   timestamptz not null,
	ended_at     timestamptz,
	primary key (workspace_id, session_id)
);

-- What was changed, by whom: written before it is done, so that nothing is done without a line.
create table audit (
	workspace_id uuid not null references workspace,
	line         bigint generated always as identity,
	noted_at     timestamptz not null default clock_timestamp(),
	actor_kind   text not null check (actor_kind in ('key', 'person', 'command_line')),
	actor_id     uuid,                         -- the key or the session; null: the command line
	actor        text not null,                -- label of the key, name of the person, "" of the command line
	what         text not null,                -- the call, "POST /v1/inboxes/{}/pause", or the command's words
	about        text[] not null default '{}', -- what stood for each {} of it
	fields       text[] not null default '{}', -- names of the fields that were given; never what they held
	request_id   uuid,
	status       int,                          -- of the answer; null: none was given
	primary key (workspace_id, line)
);

call walled('person_link');
call walled('person_session');
call walled('audit');
call opened_to('person_link', 'replyd_admin', 'the command line makes links for every workspace');
call opened_to('person_session', 'replyd_admin', 'the command line lists and ends sessions');
call opened_to('audit', 'replyd_admin', 'what the command line changes is noted');
create policy presented on person_link for select to replyd_api using (digest = presented_now());
create policy presented_use on person_link for update to replyd_api using (digest = presented_now());
create policy presented on person_session for select to replyd_api using (digest = presented_now());
grant select, insert on person_link to replyd_admin;
grant select, update (used_at), delete on person_link to replyd_api;
grant select, update (ended_at) on person_session to replyd_admin;
grant select, insert, update (ended_at), delete on person_session to replyd_api;
grant select, insert on audit to replyd_admin;
grant select, insert, update (status) on audit to replyd_api;

-- Of the workspace that is named, or of the one that the transaction is about.
create function audit_note(the_workspace uuid, the_kind text, the_actor_id uuid, the_actor text, the_what text, the_about text[],
		the_fields text[], the_request uuid) returns bigint
	language sql as $$
	insert into audit (workspace_id, actor_kind, actor_id, actor, what, about, fields, request_id)
	values (coalesce(the_workspace, workspace_now()), the_kind, the_actor_id, the_actor, the_what, the_about, the_fields, the_request)
	returning line
$$;
grant execute on function audit_note(uuid, text, uuid, text, text, text[], text[], uuid) to replyd_api, replyd_admin;

-- A link becomes a session, once; no row: it is unknown, used or too old.  What ended long ago goes with it.
create function person_enter(the_session uuid, the_digest bytea, lasts interval, the_request uuid)
		returns table (workspace uuid, who text, may text, until timestamptz)
	language plpgsql as $$
begin
	update person_link l set used_at = now()
		where l.digest = presented_now() and l.used_at is null and l.expires_at > now()
		returning l.workspace_id, l.person, l.role into workspace, who, may;
	if not found then
		return;
	end if;
	perform set_config('replyd.workspace', workspace::text, true);
	delete from person_link l where l.workspace_id = workspace and l.expires_at < now() - interval '30 days';
	delete from person_session s where s.workspace_id = workspace and s.expires_at < now() - interval '30 days';
	until := now() + lasts;
	insert into person_session (workspace_id, session_id, digest, person, role, expires_at)
		values (workspace, the_session, the_digest, who, may, until);
	perform audit_note(workspace, 'person', the_session, who, 'POST /v1/session', '{}', array[may], the_request);
	return next;
end $$;
grant execute on function person_enter(uuid, bytea, interval, uuid) to replyd_api;

-- ---- what the console reads ----

-- Inboxes by how they are, and by when that changed; neither moves while a state lasts.
create index inbox_state_by_state on inbox_state (workspace_id, state, since, inbox_id);
create index inbox_state_by_since on inbox_state (workspace_id, since desc, inbox_id);
-- The latest mails of one inbox; and those of a day, for sums, where a month lies in the order of time.
create index message_inbox on message (inbox_id, created_at desc);
create index message_age on message using brin (created_at) with (pages_per_range = 16, autosummarize = on);
