-- Secrets of domains whose end is known before it comes; consents that nobody has and that must not live on; mails that
-- nobody could read, said at the gate; corrections in the order in which they were committed.
-- works-with: 17

-- When the administrator's secret ends, as he said; null: he did not.  The end of one that was brought counts once it is in use.
alter table domain_grant
	add column secret_ends_at timestamptz,
	add column offer_ends_at timestamptz,
	add column told_of text not null default '' check (told_of in ('', 'far', 'near')); -- of the secret in use
create index domain_grant_ends on domain_grant (secret_ends_at) where state = 'ok' and secret_ends_at is not null;
grant select (secret_ends_at, offer_ends_at, told_of), insert (offer_ends_at), update (offer_ends_at)
	on domain_grant to replyd_api, replyd_admin;

-- Tells of secrets that end, once when the end comes within `far_s` seconds and once within `near_s`.
create function domain_foretell(far_s bigint, near_s bigint) returns table (domain_grant_id uuid, stage text, dies_at timestamptz)
	language plpgsql as $$
declare
	d record; here text := current_setting('replyd.workspace', true);
begin
	for d in
		select g.*, s.stage from domain_grant g cross join lateral (select case
			when g.secret_ends_at <= now() + make_interval(secs => near_s) then 'near' else 'far' end as stage) s
		where g.state = 'ok' and g.secret_ends_at <= now() + make_interval(secs => far_s) and g.told_of <> s.stage
		order by g.secret_ends_at limit 50 for update of g skip locked
	loop
		update domain_grant g set told_of = d.stage
			where g.workspace_id = d.workspace_id and g.domain_grant_id = d.domain_grant_id;
		perform set_config('replyd.workspace', d.workspace_id::text, true); -- events are written inside their walls
		perform event_put(event_id_of(d.workspace_id::text, d.domain_grant_id::text, 'domain.reauth_forecast',
				extract(epoch from d.secret_ends_at)::text, d.stage),
			'domain.reauth_forecast', null, null, null, null, jsonb_build_object(
				'domain_grant_id', d.domain_grant_id, 'provider', d.provider, 'kind', d.kind, 'tenant', d.tenant,
				'reason', 'client_secret_ends', 'dies_at', instant_text(d.secret_ends_at), 'inboxes', (
					select count(*) from inbox_grant g where g.workspace_id = d.workspace_id
						and g.domain_grant_id = d.domain_grant_id and g.state = 'ok')));
		perform set_config('replyd.workspace', coalesce(here, ''), true);
		domain_grant_id := d.domain_grant_id; stage := d.stage; dies_at := d.secret_ends_at;
		return next;
	end loop;
end $$;
grant execute on function domain_foretell(bigint, bigint) to replyd_broker;
grant execute on function event_id_of(text[]), instant_text(timestamptz) to replyd_broker;

-- As in 0011_broker.sql, and the grants under a domain's secret that ends.
create or replace function broker_survey() returns boolean language plpgsql as $$
begin
	if not pg_try_advisory_xact_lock(hashtextextended('replyd.broker_survey', 0)) then
		return false;
	end if;
	delete from broker_tally where name in ('replyd_grants', 'replyd_grants_expiring', 'replyd_tokens_late',
		'replyd_grants_failing');
	insert into broker_tally (name, label, label_value, value)
	select 'replyd_grants', 'state', s.state, count(g.state)
		from unnest(array['ok', 'expiring', 'reauth_required', 'revoked']) as s (state)
		left join (select grant_state(state, dies_of) as state from inbox_grant) g on g.state = s.state group by s.state
	union all
	select 'replyd_grants_expiring', format('provider="%s",reason', i.provider), g.dies_of, count(*)
		from inbox_grant g join inbox i using (workspace_id, inbox_id)
		where g.state = 'ok' and g.dies_of <> '' group by i.provider, g.dies_of
	union all
	select 'replyd_grants_expiring', format('provider="%s",reason', d.provider), 'client_secret_ends', count(*)
		from domain_grant d join inbox_grant g using (workspace_id, domain_grant_id)
		where d.state = 'ok' and d.told_of <> '' and g.state = 'ok' group by d.provider
	union all
	-- A token that ended while its grant was good: a refresh came too late, or the provider does not answer.
	select 'replyd_tokens_late', '', '', count(*)
		from access_token t join inbox_grant g using (workspace_id, inbox_id) join inbox i using (workspace_id, inbox_id)
		where t.expires_at < now() and g.state = 'ok' and i.admin_state = 'enabled'
	union all
	select 'replyd_grants_failing', '', '', count(*) from inbox_grant where state = 'ok' and failures > 0;
	delete from broker_alarm where seen_at < now() - interval '10 minutes';
	-- What nobody fetched in time opens with a key that is gone; the receipt says that it was late.
	update handout set state = 'late', sealed = null, ended_at = now()
		where state in ('asked', 'sealed') and asked_at < now() - interval '30 seconds';
	delete from handout where asked_at < now() - interval '400 days';
	return true;
end $$;

-- The refresh token of a consent from the moment it came until an inbox has it.  What is left here had none in the end: the
-- wrong account, a scope that was not granted, a broker that died in between.  It is revoked at the provider, and gone.
create table loose_consent (
	workspace_id    uuid not null references workspace,
	loose_id        uuid not null,
	connect_link_id uuid not null,              -- the attempt that it came of
	provider        text not null,
	address         text not null default '',   -- whose account it is; '': nobody said
	reason          text not null default 'unsettled', -- or the problem that the attempt ended with
	sealed          bytea not null,             -- as of an inbox: purpose "grant", subject the loose_id
	tries           int not null default 0,
	due_at          timestamptz not null,
	claim_id        uuid,
	claimed_at      timestamptz,
	created_at      timestamptz not null default now(),
	primary key (workspace_id, loose_id)
);
create index loose_consent_due on loose_consent (due_at);
call walled('loose_consent');
call opened_to('loose_consent', 'replyd_broker', 'the broker revokes for all workspaces');
grant select, insert, update, delete on loose_consent to replyd_broker;
call sealed_in('loose_consent', 'sealed', 'grant');
grant select (key_id) on loose_consent to replyd_admin;
call opened_to('loose_consent', 'replyd_admin', 'the command line counts boxes by key');
call opened_to('removal', 'replyd_admin', 'the command line counts boxes by key');

-- As in 0014_check.sql, and these.
create or replace function reseal_stale(the_group text, the_id smallint) returns bigint language plpgsql stable as $$
begin
	if the_group = 'grant' then
		return (select count(*) from inbox_grant where key_id <> the_id)
			+ (select count(*) from loose_consent where key_id <> the_id)
			+ (select count(*) from removal where key_id <> the_id)
			+ (select count(*) from domain_grant where key_id <> the_id)
			+ (select count(*) from domain_grant where token_key_id <> the_id)
			+ (select count(*) from connect_link where device_key_id <> the_id);
	elsif the_group = 'token' then
		return (select count(*) from access_token where key_id <> the_id);
	end if;
	return (select count(*) from endpoint where key_id <> the_id);
end $$;

-- Consents to revoke, while nobody is at work on the attempt that they came of.  `is_kept`: there is one consent of a person
-- to one client, and some providers (Google) end it whole with any token of it: it stays where the person's consent serves an
-- inbox, or the same attempt went well after all; of whom nobody knows, where any consent of that provider serves one.
create function loose_take(the_claim uuid, stale interval, most bigint) returns table (
		workspace_id uuid, loose_id uuid, provider text, reason text, sealed bytea, tries int, is_kept boolean)
	language sql as $$
	with due as (
		select c.workspace_id, c.loose_id from loose_consent c
		where c.due_at <= now() and (c.claim_id is null or c.claimed_at < now() - stale)
			and (c.created_at < now() - interval '1 day' or not exists (select from connect_link k
				where k.workspace_id = c.workspace_id and k.connect_link_id = c.connect_link_id
					and (k.state = 'exchanging' or k.by_device and k.state = 'started')))
		order by c.due_at limit most for update skip locked
	), taken as (
		update loose_consent c set claim_id = the_claim, claimed_at = now(), tries = c.tries + 1
		from due d where c.workspace_id = d.workspace_id and c.loose_id = d.loose_id
		returning c.*
	)
	select t.workspace_id, t.loose_id, t.provider, t.reason, t.sealed, t.tries,
		exists (select from connect_link k where k.workspace_id = t.workspace_id and k.connect_link_id = t.connect_link_id
			and k.state in ('checking', 'connected'))
		or exists (select from inbox i join inbox_grant g on g.workspace_id = i.workspace_id and g.inbox_id = i.inbox_id
			where i.provider = t.provider and (t.address = '' or i.address = t.address) and i.admin_state <> 'removed'
				and g.kind = 'oauth' and g.state = 'ok')
	from taken t
$$;
grant execute on function loose_take(uuid, interval, bigint) to replyd_broker;

-- Mails that are left alone: processes died at their headers, however little of them was looked at.  Each may be an answer of
-- anybody who was written to before; their gates say `unknown` until somebody has looked at the mail and says so.
create table mail_unread (
	workspace_id    uuid not null,
	folder_id       uuid not null,
	uidvalidity     bigint not null,
	uid             bigint not null,
	inbox_id        uuid not null,
	left_at         timestamptz not null default now(),
	acknowledged_at timestamptz,
	acknowledged_by uuid,                        -- the API key; null: the command line
	primary key (workspace_id, folder_id, uidvalidity, uid)
);
create index mail_unread_open on mail_unread (workspace_id, inbox_id, left_at) where acknowledged_at is null;
call walled('mail_unread');
grant select, insert on mail_unread to replyd_ingest;
grant select, update (acknowledged_at, acknowledged_by) on mail_unread to replyd_api, replyd_admin;

-- Whoever pages by `line` may rely on it: of a workspace one correction at a time is written, from the drawing of its line to
-- its commit.  It comes last of all locks, and is held by nobody who waits for another.
create function correction_in_turn() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock(hashtextextended('replyd.correction.' || coalesce(workspace_now()::text, ''), 0));
	return null;
end $$;
create trigger correction_in_turn before insert on correction for each statement execute function correction_in_turn();
