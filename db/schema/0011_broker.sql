-- What the broker knows of its grants beside their secrets: when they will die, who was handed a token, what it counted,
-- and what an operator must look at.
-- works-with: 10

-- Claimed and saved every hour: half a page of room keeps most of these rewrites on their page.
alter table inbox_grant set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
alter table access_token set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

alter table inbox_grant
	add column granted_at timestamptz not null default now(),  -- the user's last consent
	add column consents int not null default 1,                -- of this inbox; each left a refresh token at the provider
	add column refresh_ends_at timestamptz,                    -- as the provider said; null: it did not
	-- The forecast, when its end is near.
	add column dies_of text not null default '',               -- stable code; '': nothing in sight
	add column dies_at timestamptz,                            -- null: nobody can say when
	add column told_of text not null default '',               -- "reason/stage" told last, of this consent
	add column forecast_due_at timestamptz not null default now();
create index inbox_grant_forecast on inbox_grant (forecast_due_at) where state = 'ok' and kind = 'oauth';
-- All inboxes of one account, whatever workspace they are in: a provider counts refresh tokens per account.
create index inbox_account on inbox (address, provider);
grant select (dies_at, dies_of) on inbox_grant to replyd_api, replyd_admin;
-- An event that asks the user for consent brings the link for it.
grant insert on connect_link to replyd_broker;

-- How a grant is told: 'expiring' is a good grant whose end is near.
create function grant_state(the_state text, dies_of text) returns text
	language sql stable parallel safe
	return case when the_state = 'ok' and dies_of <> '' then 'expiring' else the_state end;
grant execute on function grant_state(text, text) to replyd_api, replyd_broker, replyd_admin;

-- One request of a sender for an access token.  `sealed` opens only with the private half of the pair that the API made
-- for this request; it is emptied when it was read, or soon after.  The rest of the row stays: who was handed what.
create table handout (
	workspace_id  uuid not null,
	handout_id    uuid not null,
	inbox_id      uuid not null,
	api_key_id    uuid not null,
	public_key    bytea not null check (octet_length(public_key) = 32),
	state         text not null default 'asked' check (state in ('asked', 'sealed', 'taken', 'refused', 'late')),
	reason        text not null default '',
	sealed        bytea,
	token_version bigint,
	expires_at    timestamptz,                 -- of the token
	asked_at      timestamptz not null default now(),
	ended_at      timestamptz,
	primary key (workspace_id, handout_id),
	foreign key (workspace_id, inbox_id) references inbox,
	check (sealed is null or state = 'sealed')
);
create index handout_open on handout (asked_at) where state in ('asked', 'sealed');
create index handout_inbox on handout (workspace_id, inbox_id, asked_at);
create index handout_age on handout (asked_at); -- receipts are kept for 400 days
call walled('handout');
call opened_to('handout', 'replyd_broker', 'the broker answers senders of all workspaces');
grant select, insert on handout to replyd_api;
grant update (state, sealed, ended_at) on handout to replyd_api;
grant select, update, delete on handout to replyd_broker;
grant insert on token_request to replyd_broker;
grant insert on timeline to replyd_broker;
grant usage on sequence timeline_line to replyd_broker;
call opened_to('timeline', 'replyd_broker', 'a hand-out is noted on the inbox''s timeline');

-- A sender asks.  'asked', or why not; the requests of one inbox are counted one after the other.
create function handout_ask(the_inbox uuid, the_handout uuid, the_key uuid, the_public bytea, per_minute bigint)
		returns table (said text, reason text)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); i record; n bigint;
begin
	reason := '';
	select b.admin_state, g.kind, g.state, g.reason as why into i
		from inbox b left join inbox_grant g on g.workspace_id = ws and g.inbox_id = b.inbox_id
		where b.workspace_id = ws and b.inbox_id = the_inbox and b.admin_state <> 'removed';
	if not found then
		said := 'no_inbox'; return next; return;
	elsif i.kind in ('password', 'app_only') then -- the latter opens every mailbox of its domain
		said := 'is_' || i.kind; return next; return;
	elsif i.admin_state <> 'enabled' then
		said := 'paused'; return next; return;
	elsif i.state is distinct from 'ok' then
		said := 'reauth_required'; reason := coalesce(nullif(i.why, ''), 'no_grant'); return next; return;
	end if;
	perform pg_advisory_xact_lock(hashtextextended('replyd.handout.' || the_inbox, 0));
	select count(*) into n from handout h
		where h.workspace_id = ws and h.inbox_id = the_inbox and h.asked_at > now() - interval '1 minute';
	if n >= per_minute then
		said := 'limited'; return next; return;
	end if;
	insert into handout (workspace_id, handout_id, inbox_id, api_key_id, public_key)
		values (ws, the_handout, the_inbox, the_key, the_public);
	said := 'asked'; return next;
end $$;
grant execute on function handout_ask(uuid, uuid, uuid, bytea, bigint) to replyd_api;

-- What brokers counted since ever, by whichever of them; what they count anew replaces it.  It names no workspace.
create table broker_tally (
	name        text not null,
	label       text not null default '',
	label_value text not null default '',
	value       double precision not null,
	counted_at  timestamptz not null default now(),
	primary key (name, label, label_value)
);
grant select, insert, update, delete on broker_tally to replyd_broker;
grant select on broker_tally to replyd_api;

-- What only the operator can mend, told by each broker of itself as long as it lasts.  It names no workspace.
create table broker_alarm (
	broker_id uuid not null,
	provider  text not null,
	reason    text not null,                   -- 'client_secret_expired', 'mass_refusal', 'client_secret_ends' ...
	since     timestamptz not null default now(),
	seen_at   timestamptz not null default now(),
	ends_at   timestamptz,                     -- of a secret: when
	primary key (broker_id, provider, reason)
);
grant select, insert, update, delete on broker_alarm to replyd_broker;
grant select on broker_alarm to replyd_api;

-- What of all grants is counted anew, by one broker at a time.
create function broker_survey() returns boolean language plpgsql as $$
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
grant execute on function broker_survey() to replyd_broker;

create function metrics_broker() returns table (name text, label text, label_value text, value double precision)
	language sql stable as $$
	select name, label, label_value, value from broker_tally
	union all
	select 'replyd_broker_alarms', format('provider="%s",reason', provider), reason, count(*)
		from broker_alarm where seen_at > now() - interval '1 minute' group by provider, reason
$$;
grant execute on function metrics_broker() to replyd_api;
