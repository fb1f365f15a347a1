-- Inboxes, who watches them, and how they are reached.
-- Lock order, everywhere: lease, prospect gates (sorted by key), message, event, folder.

create table inbox (
	workspace_id uuid not null references workspace,
	inbox_id     uuid not null,
	address      text not null check (address = lower(address) and position('@' in address) > 1),
	provider     text not null,           -- row of the provider table
	imap_host    text not null,
	imap_port    int  not null check (imap_port between 1 and 65535),
	imap_security text not null check (imap_security in ('tls', 'starttls')),
	login_name   text not null,           -- what the server wants as user name
	admin_state  text not null default 'enabled' check (admin_state in ('enabled', 'paused', 'removed')),
	created_at   timestamptz not null default now(),
	primary key (workspace_id, inbox_id)
);
-- Every key starts with the workspace, so that workspaces can be spread over databases; roles that work for many of
-- them at once come by the id alone.
create index inbox_by_id on inbox (inbox_id);
-- One living inbox per address and workspace: a reconnect finds it again.
create unique index inbox_address on inbox (workspace_id, address) where admin_state <> 'removed';

-- What the watching worker says of it.  Apart from inbox, since it changes often.
create table inbox_state (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	state        text not null default 'new' check (state in
		('new', 'connecting', 'catching_up', 'live', 'backing_off', 'reauth_required', 'held', 'unwatched')),
	reason       text not null default '',   -- stable code: 'token_refused', 'certificate', 'host_refused' ...
	detail       text not null default '',   -- for people; what the server said, made printable
	since        timestamptz not null default now(),
	live_at      timestamptz,                -- last time it was live
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index inbox_state_inbox on inbox_state (inbox_id);

-- A worker proves itself with one row, not one per inbox.
create table worker (
	worker_id    uuid primary key,
	host         text not null,
	pid          int not null,
	capacity     int not null check (capacity >= 0),
	beat         bigint not null default 0,  -- counts up; takers watch it move, on their own clock
	beat_at      timestamptz not null default now(),
	started_at   timestamptz not null default now()
);

-- epoch counts takeovers; every write of a worker names the epoch it took.
create table lease (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	worker_id    uuid references worker on delete set null,
	epoch        bigint not null default 0,
	taken_at     timestamptz,
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index lease_inbox on lease (inbox_id);
create index lease_worker on lease (worker_id);  -- "my inboxes", and those of nobody

-- Raised with SQLSTATE RP001: the caller has lost its lease and writes nothing.
create function fence(the_inbox uuid, the_epoch bigint) returns void
	language plpgsql as $$
begin
	perform 1 from lease where inbox_id = the_inbox and epoch = the_epoch and worker_id is not null for share;
	if not found then
		raise exception 'lease of inbox % at epoch % is lost', the_inbox, the_epoch using errcode = 'RP001';
	end if;
end $$;

grant execute on function fence(uuid, bigint) to replyd_ingest;

-- Two watermarks per folder (design: gated_through, ingested_through), as instants and as UIDs.
create table folder (
	workspace_id     uuid not null,
	inbox_id         uuid not null,
	folder_id        uuid not null,
	name             text not null,           -- as the server spells it, UTF-8
	wire_name        text not null,           -- as it goes over the wire
	role             text not null check (role in ('inbox', 'junk', 'sent', 'all', 'other')),
	uidvalidity      bigint not null,
	uid_gated        bigint not null,         -- every UID up to here was seen and its gates are committed
	uid_ingested     bigint not null,         -- every UID up to here has its events committed
	gated_through    timestamptz,             -- the instant before the command whose answer proved it
	ingested_through timestamptz,
	primary key (workspace_id, folder_id),
	unique (workspace_id, inbox_id, wire_name),
	foreign key (workspace_id, inbox_id) references inbox,
	check (uid_ingested <= uid_gated)
);
create index folder_inbox on folder (inbox_id);
create index folder_by_id on folder (folder_id);

-- The right to reach an inbox.  Only the broker opens `sealed`.
create table inbox_grant (
	workspace_id  uuid not null,
	inbox_id      uuid not null,
	kind          text not null check (kind in ('oauth', 'password')),
	sealed        bytea not null,              -- refresh token or app password, under the broker's key
	scopes        text not null default '',
	state         text not null default 'ok' check (state in ('ok', 'reauth_required', 'revoked')),
	reason        text not null default '',    -- 'invalid_grant', 'rotation_lost', 'revoked_by_user' ...
	evidence      text not null default '',    -- what the provider said, without secrets
	version       bigint not null default 1,   -- counts saved rotations
	-- Single flight: the claim is committed before the HTTP call, no transaction is open during it.
	claim_id      uuid,
	claimed_at    timestamptz,
	claim_tries   int not null default 0,
	refresh_due_at timestamptz,                -- ahead of need, with jitter; null: nothing to do
	failures      int not null default 0,
	updated_at    timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index inbox_grant_inbox on inbox_grant (inbox_id);
create index inbox_grant_due on inbox_grant (refresh_due_at) where state = 'ok' and refresh_due_at is not null;

-- What a worker logs in with, sealed to the workers' key.
create table access_token (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	kind         text not null check (kind in ('oauth', 'password')),
	sealed       bytea not null,
	version      bigint not null,
	expires_at   timestamptz,                  -- null: a password
	obtained_at  timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index access_token_inbox on access_token (inbox_id);

-- A worker asks; the broker answers by a new access_token version or by the grant's state.
create table token_request (
	workspace_id    uuid not null,
	inbox_id        uuid not null,
	refused_version bigint not null default 0, -- the version that the server refused; 0: none yet
	requested_at    timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index token_request_inbox on token_request (inbox_id);
create index token_request_oldest on token_request (requested_at);

-- One hosted connection attempt.  The API seals code and verifier to the broker and cannot open them.
create table connect_link (
	workspace_id     uuid not null references workspace,
	connect_link_id  uuid not null,
	token_digest     bytea not null unique,    -- SHA-256 of what stands in the URL
	provider         text not null,
	expected_address text,
	return_url       text,
	state            text not null default 'open' check (state in
		('open', 'started', 'exchanging', 'connected', 'failed')),
	problem          text not null default '', -- stable code when failed: 'consent_declined', 'wrong_account' ...
	problem_detail   text not null default '',
	state_digest     bytea unique,             -- SHA-256 of the OAuth state parameter; one-time
	browser_digest   bytea,                    -- SHA-256 of the browser's cookie
	redirect_uri     text,
	sealed_verifier  bytea,                    -- PKCE, sealed to the broker
	sealed_code      bytea,                    -- authorization code or app password, sealed to the broker
	inbox_id         uuid,
	created_at       timestamptz not null default now(),
	expires_at       timestamptz not null,
	claim_id         uuid,                     -- a broker works on it
	claimed_at       timestamptz,
	-- Given with an app password or a server typed by hand.
	imap_host        text,
	imap_port        int,
	imap_security    text,
	login_name       text,
	primary key (workspace_id, connect_link_id)
);
create index connect_link_exchanging on connect_link (created_at) where state = 'exchanging';

call walled('inbox');
call walled('inbox_state');
call walled('lease');
call walled('folder');
call walled('inbox_grant');
call walled('access_token');
call walled('token_request');
call walled('connect_link');
-- worker belongs to no workspace: no row of it names one.

call opened_to('inbox', 'replyd_ingest', 'a worker takes inboxes of all workspaces');
call opened_to('inbox_state', 'replyd_ingest', 'a worker reports on its inboxes');
call opened_to('lease', 'replyd_ingest', 'leases are taken across workspaces');
call opened_to('folder', 'replyd_ingest', 'proofs of many inboxes are written in one statement');
call opened_to('access_token', 'replyd_ingest', 'a worker reads the credentials of its inboxes');
call opened_to('token_request', 'replyd_ingest', 'a worker asks for its inboxes');
call opened_to('inbox', 'replyd_broker', 'the broker serves all workspaces');
call opened_to('inbox_state', 'replyd_broker', 'the broker says that consent is needed again');
call opened_to('lease', 'replyd_broker', 'a connected inbox gets its lease row');
call opened_to('inbox_grant', 'replyd_broker', 'the broker opens grants');
call opened_to('access_token', 'replyd_broker', 'the broker hands out access tokens');
call opened_to('token_request', 'replyd_broker', 'the broker answers requests');
call opened_to('connect_link', 'replyd_broker', 'the broker exchanges codes');
call opened_to('inbox', 'replyd_rotation', 'housekeeping over all workspaces');
call opened_to('connect_link', 'replyd_rotation', 'expired links are removed');
call opened_to('inbox', 'replyd_admin', 'the command line lists inboxes');
call opened_to('inbox_state', 'replyd_admin', 'the command line lists inboxes');
call opened_to('folder', 'replyd_admin', 'the command line shows watermarks');
call opened_to('lease', 'replyd_admin', 'the command line shows who watches what');
create policy presented_find on connect_link for select to replyd_api
	using (token_digest = presented_now() or state_digest = presented_now());
create policy presented_move on connect_link for update to replyd_api
	using (token_digest = presented_now() or state_digest = presented_now());

grant select on inbox to replyd_ingest, replyd_broker, replyd_api, replyd_rotation, replyd_admin;
grant insert, update on inbox to replyd_broker;
grant update (admin_state) on inbox to replyd_api;
grant select, insert, update on inbox_state to replyd_ingest, replyd_broker;
grant select on inbox_state to replyd_api, replyd_admin;
grant select, insert, update, delete on worker to replyd_ingest;
grant select on worker to replyd_api, replyd_admin;
grant select, insert, update on lease to replyd_ingest;
grant select, insert on lease to replyd_broker;
grant select on lease to replyd_api, replyd_admin;
grant select, insert, update on folder to replyd_ingest;
grant select on folder to replyd_api, replyd_admin;
grant select, insert, update, delete on inbox_grant to replyd_broker;
grant select on access_token to replyd_ingest;
grant select, insert, update, delete on access_token to replyd_broker;
grant select, insert, update on token_request to replyd_ingest;
grant select, delete on token_request to replyd_broker;
-- What the API sealed it has no need to read again, and a link never changes its workspace.
grant insert on connect_link to replyd_api;
grant select (workspace_id, connect_link_id, token_digest, provider, expected_address, return_url, state, problem,
	problem_detail, state_digest, browser_digest, redirect_uri, inbox_id, created_at, expires_at, claim_id, claimed_at,
	imap_host, imap_port, imap_security, login_name) on connect_link to replyd_api;
grant update (state, problem, problem_detail, state_digest, browser_digest, redirect_uri, sealed_verifier, sealed_code)
	on connect_link to replyd_api;
grant select, update on connect_link to replyd_broker;
grant select, delete on connect_link to replyd_rotation;
-- The API may say that a grant needs the user, not open it: no column that holds a secret.
grant select (workspace_id, inbox_id, kind, scopes, state, reason, evidence, updated_at) on inbox_grant to replyd_api;
