-- A connection is told only after a real login: what the worker says of an inbox settles the links that wait for it.
-- Safe under the binary before: it never writes 'checking', and what it settles itself needs nothing from here.
-- works-with: 9

alter table connect_link drop constraint connect_link_state_check;
alter table connect_link
	add constraint connect_link_state_check check (state in
		('open', 'started', 'exchanging', 'checking', 'connected', 'failed')),
	add column checking_at timestamptz;           -- since when its inbox waits for a worker's login; null: not yet
-- Links that the state of their inbox may still change: those that wait, and those with something to say.
create index connect_link_waiting on connect_link (inbox_id) where checking_at is not null and (state = 'checking' or problem <> '');

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
	select links_checked(array_agg(k.inbox_id)) into n from connect_link k where k.checking_at is not null and k.state = 'checking';
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
