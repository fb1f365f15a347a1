-- Workspaces, API keys, and the walls between them.
--
-- Every table carries workspace_id, has row-level security forced, and shows no
-- row unless the transaction has named its workspace (set_config
-- 'replyd.workspace').  The owner cannot log in and is walled like everybody
-- else.  Roles that work for many workspaces at once get explicit policies on
-- exactly the tables they batch over (replyd.opened_to).

create function workspace_now() returns uuid
	language sql stable parallel safe
	return nullif(current_setting('replyd.workspace', true), '')::uuid;

-- The digest of the key or link that a caller presented: it opens its own row and no other.
create function presented_now() returns bytea
	language sql stable parallel safe
	return decode(nullif(current_setting('replyd.presented', true), ''), 'hex');

create procedure walled(target regclass) language plpgsql as $$
begin
	execute format('alter table %s enable row level security', target);
	execute format('alter table %s force row level security', target);
	execute format('create policy workspace_wall on %s using (workspace_id = workspace_now())'
		' with check (workspace_id = workspace_now())', target);
end $$;

-- A partition is reached through its parent and the parent's policies; by itself it shows nothing to anybody.
create procedure shut(target regclass) language plpgsql as $$
begin
	execute format('alter table %s enable row level security', target);
	execute format('alter table %s force row level security', target);
end $$;

create procedure opened_to(target regclass, batcher regrole, why text) language plpgsql as $$
begin
	execute format('create policy %I on %s to %s using (true) with check (true)',
		'batch_' || batcher::text, target, batcher);
	execute format('comment on policy %I on %s is %L', 'batch_' || batcher::text, target, why);
end $$;

-- Nobody may run a function unless told (migrate_roles); a policy runs these two as whoever asks.
grant execute on function workspace_now(), presented_now()
	to replyd_ingest, replyd_broker, replyd_dispatch, replyd_rotation, replyd_api, replyd_admin;

create table workspace (
	workspace_id uuid primary key,
	name         text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
	created_at   timestamptz not null default now()
);
call walled('workspace');
call opened_to('workspace', 'replyd_admin', 'the command line creates and lists workspaces');
grant select, insert on workspace to replyd_admin;
grant select on workspace to replyd_api;

create table api_key (
	workspace_id uuid not null references workspace,
	api_key_id   uuid not null,
	digest       bytea not null unique check (octet_length(digest) = 32), -- SHA-256 of the whole key
	prefix       text not null,          -- "rk_live_ab12cd34": shown in lists, opens nothing
	label        text not null,
	scopes       text[] not null,
	created_at   timestamptz not null default now(),
	expires_at   timestamptz,
	revoked_at   timestamptz,
	last_used_at timestamptz,
	primary key (workspace_id, api_key_id)
);
call walled('api_key');
call opened_to('api_key', 'replyd_admin', 'the command line creates, lists and revokes keys');
create policy presented on api_key for select to replyd_api using (digest = presented_now());
grant select, insert, update on api_key to replyd_admin;
grant select, update (last_used_at) on api_key to replyd_api;
