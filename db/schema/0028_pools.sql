-- Pools, their members, what an inbox may send, and ceilings that inboxes share: set and told.
--
-- works-with: 23
--
-- Each *_set() is one transaction's work and may be repeated.  `said`: '' it is so now, else why not; `told`: as it is now.

-- A time zone as PostgreSQL's own files name it: with its changes of summer and winter, which an abbreviation has not.
create function zone_is_known(zone text) returns boolean language plpgsql stable parallel safe as $$
begin
	if zone !~ '^(UTC|Etc/(UTC|GMT([+-]\d{1,2})?)|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$' then
		return false;
	end if;
	perform now() at time zone zone;
	return true;
exception when invalid_parameter_value then
	return false;
end $$;
grant execute on function zone_is_known(text) to replyd_api;

-- ---- pools ----

create function pool_says(p pool) returns jsonb language sql stable parallel safe as $$
	select jsonb_build_object('id', p.pool_id, 'name', p.name, 'provider_match', p.provider_match, 'rebind', p.rebind,
		'rebind_grace_s', p.rebind_grace_s, 'contact_gap_s', p.contact_gap_s, 'company_cap_day', p.company_cap_day,
		'company_stop', p.company_stop, 'members', (select count(*) from pool_member m
			where m.workspace_id = p.workspace_id and m.pool_id = p.pool_id), 'created_at', instant_text(p.created_at))
$$;

-- said: 'not_found', 'name_taken', 'too_many' (1000 pools are there).  What is not among the fields stays as it is.
create function pool_set(the_pool uuid, is_new boolean, f jsonb, out said text, out told jsonb) language plpgsql as $$
declare
	ws uuid := workspace_now(); p pool;
begin
	said := '';
	if is_new and (select count(*) from pool l where l.workspace_id = ws) >= 1000 then
		said := 'too_many'; return;
	end if;
	if is_new then
		insert into pool (workspace_id, pool_id, name) values (ws, the_pool, f ->> 'name');
	end if;
	update pool l set name = coalesce(f ->> 'name', l.name), provider_match = coalesce(f ->> 'provider_match', l.provider_match),
			rebind = coalesce(f ->> 'rebind', l.rebind), rebind_grace_s = coalesce((f ->> 'rebind_grace_s')::int, l.rebind_grace_s),
			contact_gap_s = coalesce((f ->> 'contact_gap_s')::int, l.contact_gap_s),
			company_cap_day = case when f ? 'company_cap_day' then (f ->> 'company_cap_day')::int else l.company_cap_day end,
			company_stop = coalesce((f ->> 'company_stop')::boolean, l.company_stop)
		where l.workspace_id = ws and l.pool_id = the_pool
		returning * into p;
	if not found then
		said := 'not_found'; return;
	end if;
	told := pool_says(p);
exception when unique_violation then
	said := 'name_taken'; told := null;
end $$;

create function member_says(m pool_member) returns jsonb language sql stable parallel safe as $$
	select jsonb_build_object('inbox_id', m.inbox_id, 'address', i.address, 'tier', m.tier, 'weight', m.weight::numeric)
	from inbox i where i.workspace_id = m.workspace_id and i.inbox_id = m.inbox_id
$$;

-- Members come, or are another tier or weight; what is not said of one that is there stays.  said: 'not_found'; 'unknown_inbox', and
-- told has {"index"} of the first; 'too_many': there would be more than 5000.
create function pool_members_set(the_pool uuid, items jsonb, out said text, out told jsonb) language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	said := '';
	-- Who else adds to it waits: the number of its members holds.
	perform from pool l where l.workspace_id = ws and l.pool_id = the_pool for update;
	if not found then
		said := 'not_found'; return;
	end if;
	select jsonb_build_object('index', x.ordinality - 1) into told from jsonb_array_elements(items) with ordinality x
		where not exists (select from inbox i where i.workspace_id = ws and i.inbox_id = (x.value ->> 'inbox_id')::uuid
			and i.admin_state <> 'removed') order by x.ordinality limit 1;
	if found then
		said := 'unknown_inbox'; return;
	end if;
	insert into pool_member as m (workspace_id, pool_id, inbox_id, tier, weight)
		select ws, the_pool, r.inbox_id, coalesce(r.tier, 'primary'), coalesce(r.weight, 1)
		from jsonb_to_recordset(items) as r (inbox_id uuid, tier text, weight real) order by r.inbox_id
		on conflict (workspace_id, pool_id, inbox_id) do nothing;
	update pool_member m set tier = coalesce(r.tier, m.tier), weight = coalesce(r.weight, m.weight)
		from jsonb_to_recordset(items) as r (inbox_id uuid, tier text, weight real)
		where m.workspace_id = ws and m.pool_id = the_pool and m.inbox_id = r.inbox_id;
	if (select count(*) from pool_member m where m.workspace_id = ws and m.pool_id = the_pool) > 5000 then
		raise exception 'a pool has at most 5000 members' using errcode = 'program_limit_exceeded';
	end if;
	select jsonb_build_object('members', jsonb_agg(member_says(m) order by m.inbox_id)) into told
		from pool_member m where m.workspace_id = ws and m.pool_id = the_pool
			and m.inbox_id in (select (x ->> 'inbox_id')::uuid from jsonb_array_elements(items) x);
exception when program_limit_exceeded then
	said := 'too_many'; told := null;
end $$;

grant execute on function pool_says(pool), member_says(pool_member), pool_set(uuid, boolean, jsonb), pool_members_set(uuid, jsonb)
	to replyd_api;

-- ---- what an inbox may send ----

-- [{days: [1, 2], from: 480, to: 1080}] as people write it.
create function windows_say(windows jsonb) returns jsonb language sql immutable parallel safe as $$
	select coalesce(jsonb_agg(jsonb_build_object(
		'days', (select jsonb_agg((array['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[d.value::int] order by d.ordinality)
			from jsonb_array_elements_text(w.value -> 'days') with ordinality d),
		'from', to_char(make_interval(mins => (w.value ->> 'from')::int), 'HH24:MI'),
		'to', to_char(make_interval(mins => (w.value ->> 'to')::int), 'HH24:MI')) order by w.ordinality), '[]')
	from jsonb_array_elements(windows) with ordinality w
$$;

-- Of an inbox for which nobody has said anything, too: what holds for it then.
create function send_policy_says(the_inbox uuid) returns jsonb language sql stable as $$
	select jsonb_build_object('inbox_id', i.inbox_id, 'cap_day', p.cap_day, 'cap_new_share', p.cap_new_share::numeric, 'gap_s', p.gap_s,
		'ramp', p.ramp, 'time_zone', p.time_zone, 'windows', windows_say(p.windows), 'sends', p.sends, 'ceiling_24h', p.ceiling_24h,
		'tenant', p.tenant, 'tags', coalesce(to_jsonb(p.tags), '[]'), 'updated_at', instant_text(p.updated_at))
	from inbox i cross join lateral (select (quota_facts(i.inbox_id, now())).p.*) p
	where i.workspace_id = workspace_now() and i.inbox_id = the_inbox
$$;

-- A limit that falls does so now: today's counters are lowered, and promises beyond the new cap that nobody has begun are taken back,
-- newest first.  One that rises does so with the next day there.  said: 'not_found', 'time_zone'.
create function send_policy_set(the_inbox uuid, f jsonb, out said text, out told jsonb) language plpgsql as $$
declare
	ws uuid := workspace_now(); p send_policy; q send_quota; held int;
begin
	said := '';
	if not exists (select from inbox i where i.workspace_id = ws and i.inbox_id = the_inbox and i.admin_state <> 'removed') then
		said := 'not_found'; return;
	end if;
	if f ? 'time_zone' and not zone_is_known(f ->> 'time_zone') then
		said := 'time_zone'; return;
	end if;
	insert into send_policy (workspace_id, inbox_id) values (ws, the_inbox) on conflict do nothing;
	update send_policy y set cap_day = coalesce((f ->> 'cap_day')::int, y.cap_day),
			cap_new_share = coalesce((f ->> 'cap_new_share')::real, y.cap_new_share), gap_s = coalesce((f ->> 'gap_s')::int, y.gap_s),
			ramp = coalesce(f ->> 'ramp', y.ramp), time_zone = coalesce(f ->> 'time_zone', y.time_zone),
			windows = coalesce(f -> 'windows', y.windows), sends = coalesce(f ->> 'sends', y.sends),
			ceiling_24h = case when f ? 'ceiling_24h' then (f ->> 'ceiling_24h')::int else y.ceiling_24h end,
			tenant = coalesce(f ->> 'tenant', y.tenant),
			tags = case when f ? 'tags' then (select coalesce(array_agg(t), '{}') from jsonb_array_elements_text(f -> 'tags') t) else y.tags end,
			updated_at = now()
		where y.workspace_id = ws and y.inbox_id = the_inbox returning * into p;
	-- slot_revoke() waits for nobody, so that this counter may be held meanwhile.
	update send_quota u set cap = least(u.cap, p.cap_day), cap_new = least(u.cap_new, ceil(p.cap_day * p.cap_new_share::numeric)::int),
			gap = greatest(u.gap, make_interval(secs => p.gap_s)), ceiling_24h = least(u.ceiling_24h, p.ceiling_24h)
		where u.workspace_id = ws and u.inbox_id = the_inbox and u.day_ends_at > now()
			and (u.cap > p.cap_day or u.cap_new > ceil(p.cap_day * p.cap_new_share::numeric)::int
				or u.gap < make_interval(secs => p.gap_s) or u.ceiling_24h > p.ceiling_24h or u.ceiling_24h is null and p.ceiling_24h is not null)
		returning * into q;
	if p.sends = 'none' then
		perform slot_revoke(the_inbox, 0, 'draining');
	elsif q.used > q.cap then
		select count(*) into held from slot t where t.workspace_id = ws and t.inbox_id = the_inbox and t.state = 'held';
		perform slot_revoke(the_inbox, greatest(held - (q.used - q.cap), 0), 'cap');
	end if;
	told := send_policy_says(the_inbox);
end $$;

grant execute on function windows_say(jsonb), send_policy_says(uuid), send_policy_set(uuid, jsonb) to replyd_api;

-- ---- ceilings that inboxes share ----

create function send_group_says(g send_group) returns jsonb language sql stable as $$
	select jsonb_build_object('kind', g.kind, 'name', g.name, 'ceiling_24h', g.ceiling_24h,
		'used_24h', roll_sum(roll_at(g.roll, g.hour, hour_of(now()))),
		'lifts_at', instant_text(roll_lifts(roll_at(g.roll, g.hour, hour_of(now())), greatest(g.hour, hour_of(now())))))
$$;

-- A ceiling that is set in mid-day counts what went out before.  said: 'too_many' (10000 are there).
create function send_group_set(the_kind text, the_name text, ceiling int, out said text, out told jsonb) language plpgsql as $$
declare
	ws uuid := workspace_now(); h bigint := hour_of(now()); went int[]; g send_group;
begin
	said := '';
	if not exists (select from send_group o where o.workspace_id = ws and o.kind = the_kind and o.name = the_name) then
		if (select count(*) from send_group o where o.workspace_id = ws) >= 10000 then
			said := 'too_many'; return;
		end if;
		select array_agg(coalesce(c.n, 0) order by k) into went from generate_series(0, 24) k left join (
			select t.charged_hour, count(*)::int as n from slot t
			join inbox i on i.workspace_id = ws and i.inbox_id = t.inbox_id
			left join send_policy p on p.workspace_id = ws and p.inbox_id = t.inbox_id
			where t.workspace_id = ws and t.created_at > now() - interval '26 hours' and t.state in ('held', 'sending', 'sent', 'unknown')
				and (the_kind = 'domain' and split_part(i.address, '@', 2) = the_name or the_kind = 'tenant' and p.tenant = the_name)
			group by 1) c on c.charged_hour = h - k;
	end if;
	insert into send_group as o (workspace_id, kind, name, ceiling_24h, hour, roll)
		values (ws, the_kind, the_name, ceiling, h, coalesce(went, array_fill(0, array[25])))
		on conflict (workspace_id, kind, name) do update set ceiling_24h = excluded.ceiling_24h
		returning o.* into g;
	told := send_group_says(g);
end $$;

grant execute on function send_group_says(send_group), send_group_set(text, text, int) to replyd_api;
