-- A connection is told only after a real login: what the worker says of an inbox settles the links that wait for it.
-- Safe under the binary before: it never writes 'checking', and what it settles itself needs nothing from here.
-- works-with: 12

alter table connect_link drop constraint connect_link_state_check;
alter table connect_link
	add constraint connect_link_state_check check (state in
		('open', 'started', 'exchanging', 'checking', 'connected', 'failed')),
	add column checking_at timestamptz;           -- since when its inbox waits for a worker's login; null: not yet
-- Links that the state of their inbox may still change: those that wait, and those with something to say.
create index connect_link_waiting on connect_link (inbox_id) where checking_at is not null and (state = 'checking' or problem <> '');

-- Those that wait, by how long they do.
create index connect_link_checking on connect_link (checking_at) where state = 'checking';

call opened_to('connect_link', 'replyd_ingest', 'what a worker says of its inboxes settles their links');
grant select (workspace_id, connect_link_id, inbox_id, state, problem, checking_at), update (state, problem, problem_detail)
	on connect_link to replyd_ingest;
grant update (state, problem, problem_detail) on connect_link to replyd_rotation;
grant select (detail, since) on inbox_state to replyd_rotation;
grant execute on function event_id_of(text[]) to replyd_broker;

-- What the broker saw of an inbox's servers while it was connected: may one send from it, and is there another port?
create table inbox_smtp (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	state        text not null check (state in ('ok', 'refused', 'unreachable', 'not_checked')),
	reason       text not null default '',        -- stable code: 'login_refused', 'smtp_off', 'smtp_unknown' ...
	detail       text not null default '',        -- what the server said, made printable
	host         text not null default '',
	port         int  not null default 0,
	security     text not null default '' check (security in ('', 'tls', 'starttls')),
	checked_at   timestamptz not null default now(),
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
call walled('inbox_smtp');
grant select, insert, update, delete on inbox_smtp to replyd_broker;
grant select on inbox_smtp to replyd_api, replyd_admin;
call opened_to('inbox_smtp', 'replyd_admin', 'the command line shows whether one may send');
alter table connect_link add column offers jsonb;     -- {port, security}: answers where the inbox's own port does not
grant select (offers) on connect_link to replyd_api;

-- The reason of an inbox as a problem of its connection.
create function link_problem(reason text) returns text
	language sql immutable parallel safe
	return case when reason = 'network' then 'port_unreachable' when reason = '' then 'internal' else reason end;
grant execute on function link_problem(text) to replyd_ingest, replyd_broker, replyd_rotation;

-- Settles the links of these inboxes by their states, and says how many changed: connected with its event once the inbox was
-- let in and its folder opened; failed on a refusal that somebody has to mend, or when it is turned away for longer than 20 s
-- for one reason, or for a minute for several.  Limits that only those meet who were let in are no failure: connected, and
-- `slow_sync` as long as it is so.  The newest link of an inbox still connects when the inbox comes to it later.
-- Lock order: behind lease and inbox_state; a link that somebody else holds is passed over, links_overdue() comes by again.
create function links_checked(inboxes uuid[]) returns bigint
	language plpgsql as $$
declare
	l record; settled bigint := 0; here text := current_setting('replyd.workspace', true);
begin
	for l in
		select k.workspace_id, k.connect_link_id, k.inbox_id, k.state as was, b.address, v.verdict,
			case v.verdict when 'failed' then link_problem(s.reason) when 'slow' then 'slow_sync' else '' end as problem,
			case v.verdict when 'connected' then '' else s.detail end as detail
		from connect_link k
		join inbox b on b.workspace_id = k.workspace_id and b.inbox_id = k.inbox_id
		join inbox_state s on s.workspace_id = k.workspace_id and s.inbox_id = k.inbox_id
		cross join lateral (select case
			when s.state = 'live' or s.state = 'catching_up' and k.state <> 'connected' then 'connected'
			when k.state <> 'checking' then null
			when s.state in ('held', 'reauth_required') then 'failed'
			when s.state <> 'backing_off' or greatest(s.since, k.checking_at) > now() - interval '20 seconds'
				and k.checking_at > now() - interval '60 seconds' then null
			when s.reason in ('throttled', 'bandwidth_limit', 'over_quota', 'too_many_connections', 'mailbox_in_use') then 'slow'
			else 'failed' end) v (verdict)
		where k.inbox_id = any (inboxes) and k.checking_at is not null and (k.state = 'checking' or k.problem <> '')
			and v.verdict is not null
			and (k.state = 'checking' or not exists (select from connect_link n where n.workspace_id = k.workspace_id
				and n.inbox_id = k.inbox_id and n.checking_at > k.checking_at))
		order by k.workspace_id, k.connect_link_id
		for update of k skip locked
	loop
		perform set_config('replyd.workspace', l.workspace_id::text, true); -- events are written inside their walls
		update connect_link k set state = case l.verdict when 'failed' then 'failed' else 'connected' end,
				problem = l.problem, problem_detail = l.detail
			where k.workspace_id = l.workspace_id and k.connect_link_id = l.connect_link_id;
		if l.verdict <> 'failed' and l.was <> 'connected' then
			-- A link connects once, so it is the revision of this fact.
			perform event_put(event_id_of(l.workspace_id::text, l.inbox_id::text, 'inbox.connected', l.connect_link_id::text),
				'inbox.connected', null, null, l.inbox_id, null, jsonb_build_object('inbox_id', l.inbox_id,
					'address', l.address, 'connect_link_id', l.connect_link_id));
		end if;
		settled := settled + 1;
	end loop;
	if settled > 0 then
		perform set_config('replyd.workspace', coalesce(here, ''), true);
	end if;
	return settled;
end $$;
grant execute on function links_checked(uuid[]) to replyd_ingest, replyd_broker, replyd_rotation;

-- Every waiting link by its inbox's state, in case nobody wrote that since; and those that wait in vain: no worker took
-- the inbox for a minute, or it was not let in for three, whatever the reason.
create function links_overdue() returns bigint
	language plpgsql as $$
declare
	n bigint; late bigint;
begin
	-- What was said just now its worker tells himself, and better: the broker knows of a refused password before him, but not
	-- what that means at this provider.
	select links_checked(array_agg(k.inbox_id)) into n
		from connect_link k join inbox_state s on s.workspace_id = k.workspace_id and s.inbox_id = k.inbox_id
		where k.checking_at is not null and k.state = 'checking'
			and (s.state <> 'reauth_required' or s.since < now() - interval '5 seconds');
	with due as (
		select k.workspace_id, k.connect_link_id, h.is_watched
		from connect_link k
		cross join lateral (select exists (select from lease l join worker w on w.worker_id = l.worker_id
			where l.workspace_id = k.workspace_id and l.inbox_id = k.inbox_id
				and w.beat_at >= now() - interval '30 seconds')) h (is_watched)
		where k.checking_at is not null and k.state = 'checking' and k.checking_at < now() - interval '1 minute'
			and (not h.is_watched or k.checking_at < now() - interval '3 minutes')
		for update of k skip locked
	), failed as (
		update connect_link k set state = 'failed',
				problem = case when d.is_watched then 'check_timeout' else 'no_worker' end,
				problem_detail = case when d.is_watched then 'the mail server has not let us in for three minutes'
					else 'no worker has taken the inbox' end
			from due d where k.workspace_id = d.workspace_id and k.connect_link_id = d.connect_link_id
			returning 1
	)
	select count(*) into late from failed;
	return coalesce(n, 0) + late;
end $$;
grant execute on function links_overdue() to replyd_rotation;

-- While its credential was refused an inbox was not live, whoever mends it: no earlier proof, however fresh, speaks for it until
-- everything that came meanwhile is seen.
create function inbox_state_forget() returns trigger language plpgsql as $$
begin
	new.live_at := null;
	return new;
end $$;
create trigger inbox_state_mended before update on inbox_state for each row
	when (old.state = 'reauth_required' and new.state not in ('reauth_required', 'live'))
	execute function inbox_state_forget();

-- An inbox that is let go: its watching ends at once, then the broker revokes at the provider and destroys what it had.
create table removal (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	asked_at     timestamptz not null default now(),
	-- revoked: the provider says so; unsupported: it has no way; nothing: there was nothing of this inbox's to revoke (an app
	-- password, one right for a whole domain); kept: the same consent serves another connection, and would end with it;
	-- failed: it did not, within its time.  Only in 'asked' are secrets left.
	state        text not null default 'asked' check (state in ('asked', 'revoked', 'unsupported', 'nothing', 'kept', 'failed')),
	reason       text not null default '',
	evidence     text not null default '',        -- what the provider said, without secrets
	tries        int  not null default 0,
	due_at       timestamptz not null default now(),
	claim_id     uuid,                            -- a broker works on it
	claimed_at   timestamptz,
	ended_at     timestamptz,
	-- Of a consent that is still to be revoked while its inbox is back by the right to its domain, which does not need it:
	-- what was its grant, bound as there, and the provider that it is of.
	sealed       bytea,
	provider     text,
	primary key (workspace_id, inbox_id),
	foreign key (workspace_id, inbox_id) references inbox
);
create index removal_due on removal (due_at) where state = 'asked';
call walled('removal');
call opened_to('removal', 'replyd_broker', 'the broker revokes for all workspaces');
grant select (workspace_id, inbox_id, asked_at, state, reason, evidence, tries, due_at, ended_at),
	insert (workspace_id, inbox_id), update (asked_at, state, reason, evidence, tries, due_at, ended_at)
	on removal to replyd_api, replyd_admin;
grant select, update, delete on removal to replyd_broker;
call sealed_in('removal', 'sealed', 'grant');
create index removal_sealed on removal (inbox_id) where key_id is not null;
grant select (key_id) on removal to replyd_admin;
create or replace function reseal_stale(the_group text, the_id smallint) returns bigint language plpgsql stable as $$
begin
	if the_group = 'grant' then
		return (select count(*) from inbox_grant where key_id <> the_id)
			+ (select count(*) from removal where key_id <> the_id)
			+ (select count(*) from domain_grant where key_id <> the_id)
			+ (select count(*) from domain_grant where token_key_id <> the_id)
			+ (select count(*) from connect_link where device_key_id <> the_id);
	elsif the_group = 'token' then
		return (select count(*) from access_token where key_id <> the_id);
	end if;
	return (select count(*) from endpoint where key_id <> the_id);
end $$;
-- `replyd inbox disconnect`.
grant update (admin_state) on inbox to replyd_admin;
grant update (watched) on lease to replyd_admin; -- in inbox_tell()
grant select (workspace_id, inbox_id, state), update (state, problem, problem_detail) on connect_link to replyd_admin;

-- Lets an inbox of this workspace go; once more changes nothing.  No row: there is none.
create function inbox_remove(the_inbox uuid) returns table (state text, reason text, is_new boolean)
	language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	update inbox b set admin_state = 'removed'
		where b.workspace_id = ws and b.inbox_id = the_inbox and b.admin_state <> 'removed';
	is_new := found;
	if is_new then
		-- An earlier one may not be over: it came back by the right to its domain.
		insert into removal (workspace_id, inbox_id) values (ws, the_inbox)
			on conflict (workspace_id, inbox_id) do update set asked_at = now(), state = 'asked', reason = '', evidence = '',
				tries = 0, due_at = now(), ended_at = null;
		update connect_link k set state = 'failed', problem = 'inbox_removed', problem_detail = 'the inbox was disconnected'
			where k.workspace_id = ws and k.inbox_id = the_inbox and k.state = 'checking';
	end if;
	return query select r.state, r.reason, is_new from removal r where r.workspace_id = ws and r.inbox_id = the_inbox;
end $$;
grant execute on function inbox_remove(uuid) to replyd_api, replyd_admin;

-- Removals to work on.  What a worker logs in with goes at once; the grant stays until the provider was asked, refreshed by
-- nobody.  A refresh under way is waited for: it may be changing what is to be revoked.  `is_shared`: the mailbox is
-- connected elsewhere too.  There is one consent of a person to one client, and some providers (Google) end it whole with
-- any token of it.  An inbox that is back by the right to its domain keeps all that it has.
create function removals_take(the_claim uuid, stale interval, most int) returns table (
		workspace_id uuid, inbox_id uuid, provider text, kind text, sealed bytea, tries int, is_shared boolean)
	language sql as $$
	with due as (
		select r.workspace_id, r.inbox_id from removal r
		where r.state = 'asked' and r.due_at <= now() and (r.claim_id is null or r.claimed_at < now() - stale)
			and (r.sealed is not null or not exists (select from inbox_grant g where g.workspace_id = r.workspace_id
				and g.inbox_id = r.inbox_id and g.claimed_at > now() - stale))
		order by r.due_at limit most for update skip locked
	), taken as (
		update removal r set claim_id = the_claim, claimed_at = now(), tries = r.tries + 1
		from due d where r.workspace_id = d.workspace_id and r.inbox_id = d.inbox_id
		returning r.workspace_id, r.inbox_id, r.tries, r.sealed, r.provider
	), gone as (
		select t.workspace_id, t.inbox_id from taken t
		join inbox b on b.workspace_id = t.workspace_id and b.inbox_id = t.inbox_id and b.admin_state = 'removed'
	), asked as (
		delete from token_request q using gone t where q.workspace_id = t.workspace_id and q.inbox_id = t.inbox_id
	), tokens as (
		delete from access_token a using gone t where a.workspace_id = t.workspace_id and a.inbox_id = t.inbox_id
	), stopped as (
		update inbox_grant g set state = 'revoked', reason = 'disconnected', refresh_due_at = null
		from gone t where g.workspace_id = t.workspace_id and g.inbox_id = t.inbox_id
		returning g.workspace_id, g.inbox_id, g.kind, g.sealed
	)
	select t.workspace_id, t.inbox_id, coalesce(t.provider, b.provider),
		case when t.sealed is not null then 'oauth' else s.kind end, coalesce(t.sealed, s.sealed), t.tries, exists (
			select from inbox o join inbox_grant g on g.workspace_id = o.workspace_id and g.inbox_id = o.inbox_id
			where o.address = b.address and o.provider = coalesce(t.provider, b.provider) and o.admin_state <> 'removed'
				and g.kind = 'oauth' and g.state = 'ok')
	from taken t
	join inbox b on b.workspace_id = t.workspace_id and b.inbox_id = t.inbox_id
	left join stopped s on s.workspace_id = t.workspace_id and s.inbox_id = t.inbox_id
$$;
grant execute on function removals_take(uuid, interval, int) to replyd_broker;

-- The end of one: every secret of the inbox is gone, whatever the provider said, and the log tells it.  Of one that is back
-- by the right to its domain only the earlier consent is gone, and nobody is told that the inbox is.  False: somebody else
-- has the claim.
create function removal_end(the_inbox uuid, the_claim uuid, the_state text, the_reason text, the_evidence text) returns boolean
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; asked timestamptz;
begin
	update removal r set state = the_state, reason = the_reason, evidence = the_evidence, ended_at = now(), claim_id = null,
			sealed = null
		where r.workspace_id = ws and r.inbox_id = the_inbox and r.claim_id = the_claim and r.state = 'asked'
		returning r.asked_at into asked;
	if not found then
		return false;
	end if;
	insert into timeline (workspace_id, inbox_id, noted_at, code, words) values (ws, the_inbox, now(), 'removed',
		'disconnected; at the provider: ' || the_state || case when the_reason = '' then '' else ' (' || the_reason || ')' end);
	select b.address, b.admin_state into i from inbox b where b.workspace_id = ws and b.inbox_id = the_inbox;
	if i.admin_state <> 'removed' then
		delete from removal where workspace_id = ws and inbox_id = the_inbox;
		return true;
	end if;
	delete from token_request where workspace_id = ws and inbox_id = the_inbox;
	delete from access_token where workspace_id = ws and inbox_id = the_inbox;
	delete from inbox_grant where workspace_id = ws and inbox_id = the_inbox;
	update handout set sealed = null, state = 'late', ended_at = now()
		where workspace_id = ws and inbox_id = the_inbox and state in ('asked', 'sealed');
	perform event_put(event_id_of(ws::text, the_inbox::text, 'inbox.removed', extract(epoch from asked)::text), 'inbox.removed', null, null,
		the_inbox, null, jsonb_build_object('inbox_id', the_inbox, 'address', i.address,
			'removal', jsonb_build_object('state', the_state, 'reason', the_reason)));
	return true;
end $$;
grant execute on function removal_end(uuid, uuid, text, text, text) to replyd_broker;

-- Who connects an address again that was let go has its inbox back, with all that is known of it: for the watcher as for the
-- sender, it was blind from then till now.  What is still to be revoked was of the earlier consent: by another consent it is
-- forgotten, which must not end with it; the right to a domain does not need it, and it is set aside until it is revoked.
create function inbox_return(the_workspace uuid, the_address text, by_consent boolean default true) returns void
	language plpgsql as $$
declare
	back uuid;
begin
	select i.inbox_id into back from inbox i
		where i.workspace_id = the_workspace and i.address = the_address
		order by i.admin_state <> 'removed' desc, i.created_at desc limit 1;
	if not by_consent then
		update removal r set sealed = g.sealed, provider = i.provider
			from inbox i join inbox_grant g on g.workspace_id = i.workspace_id and g.inbox_id = i.inbox_id
			where r.workspace_id = the_workspace and r.inbox_id = back and r.state = 'asked' and r.sealed is null
				and i.workspace_id = r.workspace_id and i.inbox_id = r.inbox_id and g.kind = 'oauth';
	end if;
	delete from removal r where r.workspace_id = the_workspace and r.inbox_id = back and (by_consent or r.sealed is null);
	update inbox i set admin_state = 'enabled' where i.workspace_id = the_workspace and i.inbox_id = back and i.admin_state = 'removed';
end $$;
grant execute on function inbox_return(uuid, text, boolean) to replyd_broker;
