-- What an inbox's standing is made of: the mails that left it, and what came of them.
--
-- works-with: 23
--
-- A sign is what somebody said of one mail of ours: once per mail and kind, however often it is said, so that nobody who got one mail
-- counts for more than one.  Only what names that mail by an id or by its thread, which a third person cannot, is a sign.

create table send_sign (
	workspace_id uuid not null,
	outbound_id  uuid not null,
	sign         text not null check (sign in ('hard_bounce', 'soft_bounce', 'policy_block', 'limit_hit', 'complaint', 'unsubscribe', 'reply')),
	inbox_id     uuid not null,                      -- that the mail left from, wherever the answer came
	event_id     uuid not null,
	noted_at     timestamptz not null,
	said         text not null default '',           -- reason and status of a bounce
	primary key (workspace_id, outbound_id, sign)
);
create index send_sign_inbox on send_sign (workspace_id, inbox_id, noted_at);
create index send_sign_old on send_sign (noted_at);

-- Mails per inbox and day of UTC.  They come as tallies, which nobody waits for, and are added up by rotation: each once, since it is
-- taken away by the statement that adds it.
create table send_day (
	workspace_id uuid not null,
	inbox_id     uuid not null,
	day          date not null,
	sent         int not null default 0 check (sent >= 0),
	primary key (workspace_id, inbox_id, day)
) with (fillfactor = 60);
create table send_tally (
	workspace_id uuid not null,
	tally_id     bigint generated always as identity,
	inbox_id     uuid not null,
	day          date not null,
	sent         int not null,
	primary key (workspace_id, tally_id)
);
create index send_tally_order on send_tally (tally_id); -- the oldest first, whoever's they are

call walled('send_sign');
call walled('send_day');
call walled('send_tally');
call named_by('send_sign', 'replyd_ingest', 'a group of arrivals spans the workspaces it names');
call opened_to('send_sign', 'replyd_rotation', 'the health of all inboxes');
call opened_to('send_day', 'replyd_rotation', 'the health of all inboxes');
call opened_to('send_tally', 'replyd_rotation', 'the health of all inboxes');
grant insert on send_sign to replyd_ingest;
grant insert on send_tally to replyd_api;
grant select, delete on send_sign to replyd_rotation;
grant select, insert, update, delete on send_day to replyd_rotation;
-- An update locks what is deleted, passing over what another one takes.
grant select, update (sent), delete on send_tally to replyd_rotation;

alter table send_standing
	add column judged_at timestamptz not null default '-infinity',
	add column guarded_at timestamptz not null default '-infinity', -- signs up to here have moved a guard
	add column reason text not null default '';                     -- of the band: the guard, or what weighs most
create index send_standing_judged on send_standing (judged_at);

-- ---- what is counted ----

create function outbound_tallied() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	insert into send_tally (workspace_id, inbox_id, day, sent)
		select a.workspace_id, a.inbox_id, (a.created_at at time zone 'UTC')::date, count(*) from added a group by 1, 2, 3;
	return null;
end $$;

-- What has left already counts, or its bounces would be of few mails.
alter table outbound no force row level security;
insert into send_tally (workspace_id, inbox_id, day, sent)
	select workspace_id, inbox_id, (created_at at time zone 'UTC')::date, count(*) from outbound
	where created_at > now() - interval '42 days' group by 1, 2, 3;
alter table outbound force row level security;
create trigger outbound_tallied after insert on outbound
	referencing new table as added for each statement execute function outbound_tallied();

-- The provider's own words that an account has sent enough for now: of the status, or of what it said with it.  A recipient's server
-- that is asked too fast says none of them.
create function says_limit(status text, words text) returns boolean language sql immutable parallel safe as $$
	select coalesce(status in ('5.1.90', '5.7.232', '5.7.233'), false) or coalesce(words ~* ('you have reached a limit for sending'
		|| '|you reached a gmail sending limit|daily (user )?sending (quota|limit) exceeded|submission quota exceeded'
		|| '|reached your daily limit for message recipients|tenant external recipient rate limit|exceeded your daily sending limit'), false)
$$;

-- What an event says of the mail it is about; null: nothing.
create function sign_of(type text, data jsonb) returns text language sql immutable parallel safe as $$
	select case
		when type in ('bounce.hard', 'bounce.soft') and says_limit(data #>> '{bounce,status}', data #>> '{bounce,diagnostic}') then 'limit_hit'
		when type = 'bounce.hard' then 'hard_bounce'
		when type = 'bounce.soft' and data #>> '{bounce,reason}'
			in ('badreputation', 'blocked', 'rejected', 'policyviolation', 'spamdetected') then 'policy_block'
		when type = 'bounce.soft' then 'soft_bounce'
		when type = 'complaint.received' then 'complaint'
		when type = 'reply.unsubscribe' then 'unsubscribe'
		when type = 'reply.received' then 'reply' end
$$;

grant execute on function says_limit(text, text), sign_of(text, jsonb) to replyd_ingest; -- whose triggers ask
create function event_signed() returns trigger language plpgsql
	set search_path = replyd, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	if exists (select from added a where a.message_id is not null and a.type in
			('bounce.hard', 'bounce.soft', 'complaint.received', 'reply.unsubscribe', 'reply.received')) then
		insert into send_sign (workspace_id, outbound_id, sign, inbox_id, event_id, noted_at, said)
			select s.workspace_id, s.outbound_id, s.sign, o.inbox_id, s.event_id, s.created_at,
				case when s.data #>> '{bounce,reason}' is not null
					then left(concat_ws(' ', s.data #>> '{bounce,reason}', s.data #>> '{bounce,status}'), 100) else '' end
			from (
				select a.workspace_id, a.event_id, a.created_at, a.data, sign_of(a.type, a.data) as sign,
					(a.data #>> '{outbound,id}')::uuid as outbound_id
				from added a
				where a.data #>> '{matches,0,method}'
					in ('dsn_original', 'in_reply_to', 'references', 'exchange_parent', 'gmail_thread', 'thread_index')) s
			cross join lateral (
				select x.inbox_id from outbound x where x.workspace_id = s.workspace_id and x.outbound_id = s.outbound_id offset 0) o
			where s.sign is not null
			order by s.workspace_id, s.outbound_id, s.sign
			on conflict do nothing;
	end if;
	return null;
end $$;
create trigger event_signed after insert on event
	referencing new table as added for each statement execute function event_signed();

-- Add up tallies, at most so many, and let go of what is too old to weigh.  Returns how many there were.
create function sends_count(most int) returns bigint language plpgsql as $$
declare
	n bigint;
begin
	with old as materialized (
		select t.workspace_id, t.tally_id from send_tally t order by t.tally_id limit most for update skip locked
	), taken as (
		delete from send_tally t using old o where t.workspace_id = o.workspace_id and t.tally_id = o.tally_id
		returning t.workspace_id, t.inbox_id, t.day, t.sent
	), sums as materialized (
		select t.workspace_id, t.inbox_id, t.day, sum(t.sent)::int as sent, count(*) as n from taken t group by 1, 2, 3
	), known as (
		insert into send_standing (workspace_id, inbox_id)
		select distinct s.workspace_id, s.inbox_id from sums s order by 1, 2 on conflict do nothing
	), kept as (
		insert into send_day as d (workspace_id, inbox_id, day, sent)
		select s.workspace_id, s.inbox_id, s.day, s.sent from sums s order by 1, 2, 3
		on conflict (workspace_id, inbox_id, day) do update set sent = d.sent + excluded.sent
	)
	select coalesce(sum(s.n), 0) into n from sums s;
	delete from send_sign g using (
			select o.workspace_id, o.outbound_id, o.sign from send_sign o where o.noted_at < now() - interval '42 days'
			order by o.noted_at limit most) o
		where (g.workspace_id, g.outbound_id, g.sign) = (o.workspace_id, o.outbound_id, o.sign);
	return n;
end $$;
grant execute on function sends_count(int) to replyd_rotation;

-- ---- how an inbox stands ----

-- Those not looked at for `every`, and at once those of whom something bad was said; the longest ago first.  Half of what happened is forgotten after `half_life`; a day counts from its
-- noon, and from now where that is still to come.  Guards ask for plain counts, and only where there is a sign that has moved none yet.
create function standings_due(every interval, half_life interval, most int) returns table (
		workspace_id uuid, inbox_id uuid, was timestamptz, now_at timestamptz, band text, band_since timestamptz, fit_since timestamptz,
		band_until timestamptz, sent double precision, hard double precision, blocked double precision, complained double precision,
		unsubscribed double precision, replied double precision, limits_7d bigint, sent_7d bigint, hard_7d bigint, complained_7d bigint,
		blocked_1h bigint, bad_7d bigint, is_news boolean, reason text)
	language sql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
	select s.workspace_id, s.inbox_id, s.judged_at, now(), s.band, s.band_since, s.fit_since, s.band_until,
		coalesce(d.sent, 0), coalesce(g.hard, 0), coalesce(g.blocked, 0), coalesce(g.complained, 0), coalesce(g.unsubscribed, 0),
		coalesce(g.replied, 0), g.limits_7d, coalesce(d.sent_7d, 0), g.hard_7d, g.complained_7d, coalesce(b.most, 0), g.bad_7d,
		coalesce(g.newest > s.guarded_at, false), s.reason
	from (
		select y.* from (
			(select x.* from send_standing x where x.judged_at < now() - every order by x.judged_at limit most)
			union
			-- A moment longer than it was looked at: what commits late was noted before.
			select x.* from send_sign r join send_standing x on x.workspace_id = r.workspace_id and x.inbox_id = r.inbox_id
				and x.judged_at < r.noted_at + interval '5 seconds' and x.judged_at < now() - interval '2 seconds'
			where r.noted_at > now() - interval '2 minutes' and r.sign in ('hard_bounce', 'policy_block', 'complaint', 'limit_hit')) y
		order by y.judged_at limit most) s
	cross join lateral (
		select sum(x.sent * power(2::double precision, -greatest(extract(epoch from now() - (x.day + time '12:00') at time zone 'UTC'), 0)::double precision
				/ extract(epoch from half_life)::double precision)) as sent,
			sum(x.sent) filter (where x.day > (now() at time zone 'UTC')::date - 7) as sent_7d
		from send_day x where x.workspace_id = s.workspace_id and x.inbox_id = s.inbox_id
			and x.day > (now() at time zone 'UTC')::date - 42) d
	cross join lateral (
		select sum(w.ight) filter (where x.sign = 'hard_bounce') as hard, sum(w.ight) filter (where x.sign = 'policy_block') as blocked,
			sum(w.ight) filter (where x.sign = 'complaint') as complained, sum(w.ight) filter (where x.sign = 'unsubscribe') as unsubscribed,
			sum(w.ight) filter (where x.sign in ('reply', 'unsubscribe')) as replied,
			count(*) filter (where x.sign = 'limit_hit' and x.noted_at > now() - interval '7 days') as limits_7d,
			count(*) filter (where x.sign = 'hard_bounce' and x.noted_at > now() - interval '7 days') as hard_7d,
			count(*) filter (where x.sign = 'complaint' and x.noted_at > now() - interval '7 days') as complained_7d,
			count(*) filter (where x.sign in ('hard_bounce', 'policy_block', 'complaint') and x.noted_at > now() - interval '7 days') as bad_7d,
			max(x.noted_at) filter (where x.sign in ('hard_bounce', 'policy_block', 'complaint')) as newest
		from send_sign x cross join lateral (select power(2::double precision,
			-greatest(extract(epoch from now() - x.noted_at), 0)::double precision / extract(epoch from half_life)::double precision)) w (ight)
		where x.workspace_id = s.workspace_id and x.inbox_id = s.inbox_id and x.noted_at > now() - interval '42 days') g
	cross join lateral (
		select max(y.n) as most from (select count(*) as n from send_sign x
			where x.workspace_id = s.workspace_id and x.inbox_id = s.inbox_id and x.sign = 'policy_block'
				and x.noted_at > now() - interval '1 hour' group by x.said) y) b
$$;
grant execute on function standings_due(interval, interval, int) to replyd_rotation;

-- What was judged of one inbox, seen at `was` (judged_at); false: another one has judged it meanwhile.  A worse band makes today's cap
-- fall by `volume` and its gap grow by `stretch` at once, a better one comes with the next day: within a day a cap only falls.
create function standing_judged(the_inbox uuid, was timestamptz, at timestamptz, the_band text, since timestamptz, fit timestamptz,
		until timestamptz, the_score double precision, sure double precision, the_factors jsonb, why text, guarded boolean,
		volume double precision, stretch double precision) returns boolean
	language plpgsql as $$
declare
	ws uuid := workspace_now(); hit timestamptz; before text;
begin
	select s.band into before from send_standing s where s.workspace_id = ws and s.inbox_id = the_inbox and s.judged_at = was for update;
	if not found then
		return false;
	end if;
	select max(x.noted_at) into hit from send_sign x where x.workspace_id = ws and x.inbox_id = the_inbox and x.sign = 'limit_hit';
	update send_standing s set band = the_band, band_since = since, fit_since = fit, band_until = until, score = the_score,
			confidence = sure, factors = the_factors, reason = why, judged_at = at, updated_at = now(),
			guarded_at = case when guarded then at else s.guarded_at end,
			-- A provider says so once, and means its next 24 hours.
			limited_until = greatest(s.limited_until, case when hit > now() - interval '1 day' then hit + interval '1 day' end),
			limit_hits = case when hit > coalesce(s.limit_hits[cardinality(s.limit_hits)], '-infinity')
				then (s.limit_hits || hit)[greatest(cardinality(s.limit_hits) - 18, 1):] else s.limit_hits end
		where s.workspace_id = ws and s.inbox_id = the_inbox;
	if before <> the_band then
		perform event_put(event_id_of(ws::text, the_inbox::text, 'inbox.health_changed', the_band, instant_text(since)),
			'inbox.health_changed', null, null, the_inbox, null, jsonb_build_object('inbox_id', the_inbox,
				'address', (select i.address from inbox i where i.workspace_id = ws and i.inbox_id = the_inbox),
				'band', the_band, 'was', before, 'reason', why, 'score', round(the_score::numeric, 1),
				'confidence', round(sure::numeric, 3), 'factors', the_factors, 'since', instant_text(since), 'until', instant_text(until),
				'evidence', (select coalesce(jsonb_agg(jsonb_build_object('sign', x.sign, 'event_id', x.event_id) order by x.noted_at desc), '[]')
					from (select g.sign, g.event_id, g.noted_at from send_sign g where g.workspace_id = ws and g.inbox_id = the_inbox
						and g.sign <> 'reply' and g.noted_at > now() - interval '7 days' order by g.noted_at desc limit 10) x)));
	end if;
	if volume < 1 then
		update send_quota q set cap = floor(q.cap * volume)::int, cap_new = floor(q.cap_new * volume)::int, bound = 'health',
				gap = q.gap * stretch
			where q.workspace_id = ws and q.inbox_id = the_inbox and q.day_ends_at > now();
	end if;
	return true;
end $$;
grant execute on function standing_judged(uuid, timestamptz, timestamptz, text, timestamptz, timestamptz, timestamptz, double precision,
	double precision, jsonb, text, boolean, double precision, double precision) to replyd_rotation;
