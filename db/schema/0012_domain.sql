-- One right for all mailboxes of a domain, given by its administrator; and consent by device code.
--
-- app_only: an application of the administrator's reaches every mailbox that he lets it; one token serves them all
-- (RFC 6749 section 4.4).  delegated: a service account signs for one mailbox at a time (RFC 7523).  Either way the secret
-- stands here once, and the grants of the inboxes name it.
-- works-with: 12

create table domain_grant (
	workspace_id    uuid not null references workspace,
	domain_grant_id uuid not null,
	provider        text not null,
	kind            text not null check (kind in ('app_only', 'delegated')),
	tenant          text not null default '',
	client_id       text not null default '',      -- of the application or the service account
	check_address   text not null default '',      -- the mailbox for which a new secret is tried
	state           text not null default 'checking' check (state in
		('checking', 'ok', 'failed', 'reauth_required', 'removed')),
	reason          text not null default '',      -- of 'reauth_required': 'client_secret_expired' ...
	evidence        text not null default '',      -- what the provider said, without secrets
	-- A secret that was brought and is not proven yet; sealed to the broker, which tries it and takes it over.
	sealed_offer    bytea,
	offer_no        bigint not null default 1,
	is_offered      boolean generated always as (sealed_offer is not null) stored, -- for those who may not see the box
	problem         text not null default '',      -- why the last one was not taken
	problem_detail  text not null default '',
	sealed          bytea,                         -- the secret in use, under the broker's key
	version         bigint not null default 0,     -- counts secrets taken over
	-- app_only: the token of all mailboxes, under the broker's key.
	token_sealed    bytea,
	token_version   bigint not null default 0,
	token_at        timestamptz,
	token_expires_at timestamptz,
	token_due_at    timestamptz,
	-- Single flight, as for inbox_grant.
	claim_id        uuid,
	claimed_at      timestamptz,
	failures        int not null default 0,
	next_try_at     timestamptz not null default now(),
	created_at      timestamptz not null default now(),
	updated_at      timestamptz not null default now(),
	primary key (workspace_id, domain_grant_id)
);
create unique index domain_grant_one on domain_grant (workspace_id, provider, tenant, client_id) where state <> 'removed';

alter table inbox_grant
	add column domain_grant_id uuid,
	add column domain_version bigint not null default 0, -- app_only: the token that the inbox has a copy of
	drop constraint inbox_grant_kind_check,
	add constraint inbox_grant_kind_check check (kind in ('oauth', 'password', 'app_only', 'delegated')),
	add constraint inbox_grant_domain_check check ((domain_grant_id is null) = (kind in ('oauth', 'password'))),
	add foreign key (workspace_id, domain_grant_id) references domain_grant;
create index inbox_grant_domain on inbox_grant (domain_grant_id, state) where domain_grant_id is not null;

-- Of mailboxes of domains those that are due, and of the others by provider: while one is left alone nobody reads its grants.
alter table inbox_grant add column provider text not null default ''; -- the inbox's
drop index inbox_grant_due;
create index inbox_grant_due on inbox_grant (provider, refresh_due_at)
	where state = 'ok' and refresh_due_at is not null and domain_grant_id is null;
create index inbox_grant_domain_due on inbox_grant (refresh_due_at)
	where state = 'ok' and refresh_due_at is not null and domain_grant_id is not null;
create function inbox_grant_name() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	select i.provider into new.provider from inbox i where i.workspace_id = new.workspace_id and i.inbox_id = new.inbox_id;
	new.provider := coalesce(new.provider, '');
	return new;
end $$;
create trigger inbox_grant_named before insert on inbox_grant for each row when (new.provider = '')
	execute function inbox_grant_name();
create function inbox_grant_rename() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	update inbox_grant set provider = new.provider where workspace_id = new.workspace_id and inbox_id = new.inbox_id;
	return null;
end $$;
create trigger inbox_grant_renamed after update of provider on inbox for each row when (old.provider <> new.provider)
	execute function inbox_grant_rename();
alter table inbox_grant no force row level security;
alter table inbox no force row level security;
update inbox_grant g set provider = i.provider from inbox i
	where i.workspace_id = g.workspace_id and i.inbox_id = g.inbox_id;
alter table inbox_grant force row level security;
alter table inbox force row level security;

-- A link that stands for one address of an import; it has no page and no URL.
-- A link by device code: the broker has got the code (RFC 8628) and asks again until somebody has typed it in.
alter table connect_link
	add column domain_grant_id uuid,
	add column by_device boolean not null default false,
	add column user_code text not null default '',
	add column verification_uri text not null default '',
	add column verification_uri_complete text not null default '',
	add column sealed_device bytea,
	add column device_interval_s int not null default 0,
	add column device_poll_at timestamptz,
	add foreign key (workspace_id, domain_grant_id) references domain_grant;
create index connect_link_domain on connect_link (domain_grant_id, expected_address) where domain_grant_id is not null;
-- Imports wait by the thousand; what is claimed one by one does not walk past them.
drop index connect_link_exchanging;
create index connect_link_exchanging on connect_link (created_at) where state = 'exchanging' and domain_grant_id is null;
create index connect_link_imported on connect_link (domain_grant_id, created_at)
	where state = 'exchanging' and domain_grant_id is not null;
create index connect_link_import_ends on connect_link (expires_at) where state = 'exchanging' and domain_grant_id is not null;
create index connect_link_device on connect_link (created_at) where by_device and state in ('open', 'started');

call walled('domain_grant');
call opened_to('domain_grant', 'replyd_broker', 'the broker tries secrets and mints tokens');
call opened_to('domain_grant', 'replyd_admin', 'the command line manages domains');
call opened_to('connect_link', 'replyd_admin', 'the command line connects inboxes');

grant select, update on domain_grant to replyd_broker;
grant update (worker_id, successor_id) on lease to replyd_broker; -- in domain_enroll()
grant select (workspace_id, domain_grant_id, provider, kind, tenant, client_id, check_address, state, reason, evidence,
	offer_no, is_offered, problem, problem_detail, version, token_expires_at, created_at, updated_at) on domain_grant to replyd_api, replyd_admin;
grant insert (workspace_id, domain_grant_id, provider, kind, tenant, client_id, check_address, sealed_offer)
	on domain_grant to replyd_api, replyd_admin;
grant update (state, client_id, check_address, sealed_offer, offer_no, problem, problem_detail, sealed, token_sealed,
	next_try_at, updated_at) on domain_grant to replyd_api, replyd_admin;
grant select (domain_grant_id) on inbox_grant to replyd_api, replyd_admin;
grant select (domain_grant_id, by_device, user_code, verification_uri, verification_uri_complete) on connect_link to replyd_api;
grant insert on connect_link to replyd_admin;
grant select (workspace_id, connect_link_id, provider, expected_address, state, problem, problem_detail, inbox_id, created_at,
	expires_at, domain_grant_id, by_device, user_code, verification_uri, verification_uri_complete)
	on connect_link to replyd_admin;

-- Addresses that shall be watched by a domain's right.  Each becomes a link of its own, so that it is proven like any
-- other.  Again changes nothing: 'repeated' while one is under way, or the inbox is watched, by this grant or by a right of
-- its own, which no import takes away as long as it works; what was refused is tried.
-- places: {provider: {host, port, security}}; 'no_settings' where it has none.
create function domain_import(the_grant uuid, addresses jsonb, places jsonb)
		returns table (item int, result text, connect_link_id uuid, inbox_id uuid)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); a record; d record; known record; fresh uuid; place jsonb;
begin
	select g.provider, g.state into d from domain_grant g where g.workspace_id = ws and g.domain_grant_id = the_grant
		and g.state <> 'removed';
	if not found then
		return;
	end if;
	place := places -> d.provider;
	for a in select x.value as address, (x.ordinality - 1)::int as at
		from jsonb_array_elements_text(addresses) with ordinality x
	loop
		item := a.at; result := 'accepted'; connect_link_id := null; inbox_id := null;
		select i.inbox_id into known from inbox i
			join inbox_grant g on g.workspace_id = ws and g.inbox_id = i.inbox_id
			where i.workspace_id = ws and i.address = a.address and i.admin_state <> 'removed'
				and g.state = 'ok'
				and exists (select from inbox_state s where s.workspace_id = ws and s.inbox_id = i.inbox_id
					and s.state in ('live', 'catching_up'));
		if found then
			result := 'repeated'; inbox_id := known.inbox_id;
		end if;
		select l.connect_link_id into known from connect_link l
			where l.workspace_id = ws and l.domain_grant_id = the_grant and l.expected_address = a.address
				and l.state in ('exchanging', 'checking') order by l.created_at desc limit 1;
		if found then
			result := 'repeated'; connect_link_id := known.connect_link_id;
		end if;
		if result = 'accepted' and place is null then
			result := 'no_settings';
		elsif result = 'accepted' then
			fresh := gen_random_uuid();
			insert into connect_link (workspace_id, connect_link_id, token_digest, provider, expected_address, state,
					expires_at, domain_grant_id, imap_host, imap_port, imap_security)
				values (ws, fresh, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), d.provider,
					a.address, 'exchanging', now() + interval '7 days', the_grant, place ->> 'host', (place ->> 'port')::int,
					place ->> 'security');
			connect_link_id := fresh;
		end if;
		return next;
	end loop;
end $$;
grant execute on function domain_import(uuid, jsonb, jsonb) to replyd_api, replyd_admin;

-- The broker's turn: inboxes for the imported addresses of domains that are in order.  How many links moved; 0: there are
-- no more, or no more than `most` first logins are to be under way at once.
--
-- An inbox that works by another right keeps it: its link tells how it stands.  One whose right was refused is taken over,
-- and whoever has a session of that right left lets it go, so that nothing but a login by the domain's speaks for it.
-- Lock order: links that nobody has, then per inbox, by its id: inbox, lease, grant, state.  Few at once: the workers wait
-- for whoever holds a lease.
create function domain_enroll(most int) returns int
	language plpgsql as $$
declare
	l record; was record; box uuid; n int := 0; room bigint;
begin
	-- A first login has three minutes: no more are begun than the workers manage in them.
	select least(50, most - count(*)) into room from connect_link w
		where w.state = 'checking' and w.domain_grant_id is not null and w.checking_at > now() - interval '3 minutes';
	for l in
		with next as materialized (
			select k.workspace_id, k.connect_link_id
			from domain_grant d cross join lateral (
				select x.workspace_id, x.connect_link_id, x.created_at from connect_link x
				where x.domain_grant_id = d.domain_grant_id and x.state = 'exchanging' and x.expires_at > now()
				order by x.created_at limit greatest(0, room)) k
			where d.state = 'ok' order by k.created_at limit greatest(0, room)
		), mine as materialized (
			select k.workspace_id, k.connect_link_id, k.provider, k.expected_address, k.imap_host, k.imap_port,
				k.imap_security, k.domain_grant_id, k.created_at
			from connect_link k join next using (workspace_id, connect_link_id)
			where k.state = 'exchanging' for update of k skip locked
		)
		select m.*, d.kind, i.inbox_id as known
		from mine m join domain_grant d using (workspace_id, domain_grant_id)
		left join lateral (select b.inbox_id from inbox b
			where b.workspace_id = m.workspace_id and b.address = m.expected_address
			order by b.admin_state <> 'removed' desc, b.created_at desc limit 1) i on true
		order by i.inbox_id nulls last, m.created_at
	loop
		box := l.known;
		if box is null then
			insert into inbox as i (workspace_id, inbox_id, address, provider, imap_host, imap_port, imap_security, login_name)
				values (l.workspace_id, gen_random_uuid(), l.expected_address, l.provider, l.imap_host, l.imap_port,
					l.imap_security, l.expected_address)
				on conflict (workspace_id, address) where admin_state <> 'removed' do update set address = excluded.address
				returning i.inbox_id into box;
		else
			perform 1 from inbox i where i.workspace_id = l.workspace_id and i.inbox_id = box for update;
		end if;
		select i.admin_state = 'removed' as is_gone, g.state = 'ok' and s.state <> 'reauth_required' as works,
				g.domain_grant_id is not distinct from l.domain_grant_id as is_ours,
				s.state in ('connecting', 'catching_up', 'live') as is_open
			into was from inbox i
			left join inbox_grant g on g.workspace_id = i.workspace_id and g.inbox_id = i.inbox_id
			left join inbox_state s on s.workspace_id = i.workspace_id and s.inbox_id = i.inbox_id
			where i.workspace_id = l.workspace_id and i.inbox_id = box;
		if was.is_gone or was.is_ours or not coalesce(was.works, false) then
			was.is_open := was.is_open and not (was.is_ours and was.works);
			perform inbox_return(l.workspace_id, l.expected_address, by_consent => false); -- in 0014
			update inbox i set provider = l.provider, imap_host = l.imap_host, imap_port = l.imap_port,
					imap_security = l.imap_security, login_name = l.expected_address
				where i.workspace_id = l.workspace_id and i.inbox_id = box;
			insert into lease as e (workspace_id, inbox_id) values (l.workspace_id, box)
				on conflict (workspace_id, inbox_id) do update set worker_id = null, successor_id = null where was.is_open;
			insert into inbox_grant as g (workspace_id, inbox_id, provider, kind, sealed, domain_grant_id, refresh_due_at)
				values (l.workspace_id, box, l.provider, l.kind, '', l.domain_grant_id, now())
				on conflict (workspace_id, inbox_id) do update set provider = excluded.provider, kind = excluded.kind, sealed = '', scopes = '',
					domain_grant_id = excluded.domain_grant_id, domain_version = 0, state = 'ok', reason = '', evidence = '',
					version = g.version + 1, claim_id = null, claimed_at = null, claim_tries = 0, failures = 0,
					refresh_due_at = now(), refresh_ends_at = null, dies_of = '', dies_at = null, told_of = '',
					updated_at = now();
			insert into inbox_state as s (workspace_id, inbox_id) values (l.workspace_id, box)
				on conflict (workspace_id, inbox_id) do update set state = 'new', reason = '', detail = '', since = now(),
					live_at = null
				where s.state in ('reauth_required', 'held', 'unwatched') or was.is_open;
			-- What another grant had left would be used once more.
			delete from access_token t where t.workspace_id = l.workspace_id and t.inbox_id = box;
		end if;
		-- The inbox's state decides when it is connected: links_checked().
		update connect_link k set state = 'checking', checking_at = now(), inbox_id = box
			where k.workspace_id = l.workspace_id and k.connect_link_id = l.connect_link_id;
		n := n + 1;
	end loop;
	return n;
end $$;
grant execute on function domain_enroll(int) to replyd_broker;

-- The administrator has to mend it: the grant, all its inboxes, and one event for all of them.  False: another secret was
-- taken over meanwhile, or it was told already.
create function domain_refuse(the_grant uuid, the_version bigint, the_reason text, the_evidence text, the_event uuid)
		returns boolean
	language plpgsql as $$
declare
	ws uuid := workspace_now(); d record; hit uuid[];
begin
	update domain_grant g set state = 'reauth_required', reason = the_reason, evidence = the_evidence, claim_id = null,
			claimed_at = null, token_due_at = null, updated_at = now()
		where g.workspace_id = ws and g.domain_grant_id = the_grant and g.version = the_version and g.state = 'ok'
		returning g.provider, g.tenant, g.kind into d;
	if not found then
		return false;
	end if;
	with refused as (
		update inbox_grant g set state = 'reauth_required', reason = 'domain_grant', evidence = the_evidence,
			claim_id = null, claimed_at = null, claim_tries = 0, refresh_due_at = null, updated_at = now()
		where g.workspace_id = ws and g.domain_grant_id = the_grant and g.state = 'ok' returning g.inbox_id)
	select coalesce(array_agg(r.inbox_id order by r.inbox_id), '{}') into hit from refused r;
	perform 1 from inbox_state s where s.workspace_id = ws and s.inbox_id = any (hit) order by s.inbox_id for update;
	-- Those that are being watched go on until their session needs a token: their workers hear of it then.
	update inbox_state s set state = 'reauth_required', reason = 'domain_grant', detail = the_evidence, since = now()
		where s.workspace_id = ws and s.inbox_id = any (hit) and s.state not in ('live', 'catching_up');
	delete from token_request r where r.workspace_id = ws and r.inbox_id = any (hit);
	perform event_put(the_event, 'domain.reauth_required', null, null, null, null, jsonb_build_object(
		'domain_grant_id', the_grant, 'provider', d.provider, 'kind', d.kind, 'tenant', d.tenant, 'reason', the_reason,
		'inboxes', coalesce(array_length(hit, 1), 0)));
	return true;
end $$;
grant execute on function domain_refuse(uuid, bigint, text, text, uuid) to replyd_broker;

-- A secret that works was taken over: the inboxes that waited for it go on.
create function domain_revive(the_grant uuid) returns int
	language plpgsql as $$
declare
	ws uuid := workspace_now(); hit uuid[];
begin
	with back as (
		update inbox_grant g set state = 'ok', reason = '', evidence = '', version = g.version + 1, failures = 0,
			refresh_due_at = now(), updated_at = now()
		where g.workspace_id = ws and g.domain_grant_id = the_grant and g.state = 'reauth_required'
			and g.reason = 'domain_grant' returning g.inbox_id)
	select coalesce(array_agg(b.inbox_id order by b.inbox_id), '{}') into hit from back b;
	perform 1 from inbox_state s where s.workspace_id = ws and s.inbox_id = any (hit) order by s.inbox_id for update;
	update inbox_state s set state = 'new', reason = '', detail = '', since = now()
		where s.workspace_id = ws and s.inbox_id = any (hit) and s.state = 'reauth_required'
			and s.reason = 'domain_grant';
	return coalesce(array_length(hit, 1), 0);
end $$;
grant execute on function domain_revive(uuid) to replyd_broker;

-- Inboxes of a domain that was removed have no right left, nor have imports that waited for one in vain.  How many were
-- told; 0: there are no more.
create function domain_reap() returns int
	language plpgsql as $$
declare
	hit uuid[]; n int;
begin
	with due as materialized (
		select g.workspace_id, g.inbox_id
		from domain_grant d cross join lateral (
			select x.workspace_id, x.inbox_id from inbox_grant x
			where x.domain_grant_id = d.domain_grant_id and x.state = 'ok' limit 50 for update skip locked) g
		where d.state = 'removed' limit 50
	), gone as (
		update inbox_grant g set state = 'reauth_required', reason = 'domain_grant', evidence = 'the domain was removed',
			claim_id = null, claimed_at = null, refresh_due_at = null, updated_at = now()
		from due where g.workspace_id = due.workspace_id and g.inbox_id = due.inbox_id
		returning g.workspace_id, g.inbox_id
	), dead as (
		delete from access_token t using gone where t.workspace_id = gone.workspace_id and t.inbox_id = gone.inbox_id
	), asked as (
		delete from token_request r using gone where r.workspace_id = gone.workspace_id and r.inbox_id = gone.inbox_id
	)
	select coalesce(array_agg(gone.inbox_id), '{}') into hit from gone;
	perform 1 from inbox_state s where s.inbox_id = any (hit) order by s.inbox_id for update;
	update inbox_state s set state = 'reauth_required', reason = 'domain_grant', detail = 'the domain was removed', since = now()
	where s.inbox_id = any (hit) and s.state not in ('live', 'catching_up');
	with late as materialized (
		select k.workspace_id, k.connect_link_id, 'domain_grant' as problem, 'the domain was removed' as detail
		from domain_grant d cross join lateral (
			select x.workspace_id, x.connect_link_id from connect_link x
			where x.domain_grant_id = d.domain_grant_id and x.state = 'exchanging' limit 500 for update skip locked) k
		where d.state = 'removed' limit 500
	), ended as materialized (
		select k.workspace_id, k.connect_link_id, 'link_expired' as problem, 'the domain''s right was not in order in time' as detail
		from connect_link k
		where k.state = 'exchanging' and k.domain_grant_id is not null and k.expires_at <= now()
		limit 500 for update skip locked
	)
	update connect_link k set state = 'failed', problem = x.problem, problem_detail = x.detail
	from (select * from late union select * from ended e
		where not exists (select from late where late.connect_link_id = e.connect_link_id)) x
	where k.workspace_id = x.workspace_id and k.connect_link_id = x.connect_link_id;
	get diagnostics n = row_count;
	return n + coalesce(array_length(hit, 1), 0);
end $$;
grant execute on function domain_reap() to replyd_broker;

-- Boxes, as in 0010_vault.sql.
call sealed_in('domain_grant', 'sealed', 'grant');
call sealed_in('domain_grant', 'token_sealed', 'grant', 'token_key_id');
call sealed_in('connect_link', 'sealed_device', 'grant', 'device_key_id');
create index connect_link_sealed on connect_link (connect_link_id) where device_key_id is not null;
grant select (key_id, token_key_id) on domain_grant to replyd_admin;
grant select (device_key_id) on connect_link to replyd_admin;
grant execute on function box_key_id(bytea) to replyd_admin;

create or replace function reseal_stale(the_group text, the_id smallint) returns bigint language plpgsql stable as $$
begin
	if the_group = 'grant' then
		return (select count(*) from inbox_grant where key_id <> the_id)
			+ (select count(*) from domain_grant where key_id <> the_id)
			+ (select count(*) from domain_grant where token_key_id <> the_id)
			+ (select count(*) from connect_link where device_key_id <> the_id);
	elsif the_group = 'token' then
		return (select count(*) from access_token where key_id <> the_id);
	end if;
	return (select count(*) from endpoint where key_id <> the_id);
end $$;
