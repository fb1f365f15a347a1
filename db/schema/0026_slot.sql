-- The life of a slot: reserve, begin, sent, failed, release, and the sweeper behind them.
-- works-with: 23
--
-- Every function here is one transaction's work and is repeated safely.  The clock is read after the locks: who waited for
-- one must not judge by the time before it.

-- Why nobody may write to this person now; null: nothing.  The caller holds the gate's row.
create function slot_gate(the_gate gate, at timestamptz, out word text, out why text, out until_at timestamptz)
	language plpgsql stable as $$
begin
	if the_gate.level >= 3 then
		word := 'stopped'; why := the_gate.reason;
	elsif the_gate.level = 2 then
		word := 'hold'; why := 'provisional'; until_at := at + interval '5 seconds';
	elsif the_gate.level = 1 and the_gate.hold_until > at then
		word := 'hold'; why := 'out_of_office'; until_at := the_gate.hold_until;
	end if;
end $$;

-- Why an inbox may not send this mail, in the words of rotation/refusal; null: it may.  `fresh`: how old the proof of an inbox that is
-- live may be; null: it is not asked.
create function slot_inbox(the_inbox uuid, the_kind text, at timestamptz, fresh interval) returns text language sql stable
	return (select case
			when i.admin_state = 'removed' then 'removed'
			when s.state = 'reauth_required' then 'reauth_required'
			when h.suspended <> '' then 'suspended'
			when h.band = 'quarantined' then 'health'
			when i.admin_state <> 'enabled' or p.sends = 'none' then 'paused'
			when p.sends = 'follow_ups' and the_kind = 'first' then 'draining'
			when s.state is null or s.state not in ('live', 'catching_up') then 'away'
			when s.state = 'catching_up' and the_kind <> 'first' then 'inbox_behind'
			when h.limited_until > at then 'limited'
			when s.state = 'live' and fresh is not null and not coalesce(
				(select e.gated_through >= at - fresh from inbox_seen e
					where e.workspace_id = i.workspace_id and e.inbox_id = i.inbox_id), false) then 'inbox_behind'
			end
		from inbox i
		left join inbox_state s on s.workspace_id = i.workspace_id and s.inbox_id = i.inbox_id
		left join send_policy p on p.workspace_id = i.workspace_id and p.inbox_id = i.inbox_id
		left join send_standing h on h.workspace_id = i.workspace_id and h.inbox_id = i.inbox_id
		where i.workspace_id = workspace_now() and i.inbox_id = the_inbox);

-- Lock what decides about a person, in order: gate, then his promise.
create procedure slot_lock(the_prospect text, inout g gate, inout p prospect_send) language plpgsql as $$
declare
	ws uuid := workspace_now();
begin
	insert into gate (workspace_id, prospect_key) values (ws, the_prospect) on conflict do nothing;
	select * into g from gate where gate.workspace_id = ws and gate.prospect_key = the_prospect for update;
	insert into prospect_send (workspace_id, prospect_key) values (ws, the_prospect) on conflict do nothing;
	select * into p from prospect_send s where s.workspace_id = ws and s.prospect_key = the_prospect for update;
end $$;

-- Charge one inbox, if it may send now.  `wait`: for its locks; else one that is busy is passed over.
-- word: 'given', or why not: the words of slot_inbox(), 'busy', 'cap', 'new_share', 'rolling_24h', 'sending_domain', 'provider_tenant', 'window', 'gap', 'day'
-- (its day is over and another one was not opened yet).
create function slot_charge(the_inbox uuid, the_kind text, not_before timestamptz, not_after timestamptz, horizon interval,
		chance double precision, wait boolean,
		out word text, out until_at timestamptz, out at timestamptz, out the_send_at timestamptz, out the_day timestamptz,
		out charged text[])
	language plpgsql as $$
declare
	ws uuid := workspace_now(); q send_quota; o send_group; y record; h bigint; ours int[]; theirs int[]; spread double precision;
begin
	charged := '{}';
	word := slot_inbox(the_inbox, the_kind, clock_timestamp(), null);
	if word is not null then
		return;
	end if;
	-- The groups first, in order; those without a ceiling have no row.
	for y in select g.kind, g.name from send_group g
			join inbox i on i.workspace_id = ws and i.inbox_id = the_inbox
			left join send_policy p on p.workspace_id = ws and p.inbox_id = the_inbox
			where g.workspace_id = ws and ((g.kind = 'domain' and g.name = split_part(i.address, '@', 2))
				or (g.kind = 'tenant' and g.name = p.tenant and p.tenant <> '')) order by g.kind, g.name loop
		if wait then
			select * into o from send_group g where g.workspace_id = ws and g.kind = y.kind and g.name = y.name for update;
		else
			select * into o from send_group g where g.workspace_id = ws and g.kind = y.kind and g.name = y.name for update skip locked;
		end if;
		if not found then
			word := 'busy'; return;
		end if;
		h := hour_of(clock_timestamp());
		ours := roll_at(o.roll, o.hour, h);
		if roll_sum(ours) >= o.ceiling_24h then
			word := case o.kind when 'domain' then 'sending_domain' else 'provider_tenant' end;
			until_at := roll_lifts(ours, greatest(h, o.hour)); return;
		end if;
		charged := charged || (o.kind || ':' || o.name);
	end loop;
	if wait then
		select * into q from send_quota u where u.workspace_id = ws and u.inbox_id = the_inbox for update;
	else
		select * into q from send_quota u where u.workspace_id = ws and u.inbox_id = the_inbox for update skip locked;
	end if;
	if not found then
		word := case when exists (select from send_quota u where u.workspace_id = ws and u.inbox_id = the_inbox) then 'busy' else 'day' end;
		return;
	end if;
	at := clock_timestamp();
	h := greatest(hour_of(at), q.hour);
	ours := roll_at(q.roll, q.hour, h); theirs := roll_at(q.external, q.hour, h);
	the_send_at := greatest(at, q.next_allowed_at, q.opens_at, not_before);
	word := case
		when at >= q.day_ends_at then 'day'
		when q.used >= q.cap then 'cap'
		when the_kind = 'first' and q.used_new >= q.cap_new then 'new_share'
		when roll_sum(ours) + roll_sum(theirs) >= q.ceiling_24h then 'rolling_24h'
		when q.opens_at >= q.closes_at or the_send_at >= q.closes_at or q.opens_at > at + horizon then 'window'
		when the_send_at > at + horizon or the_send_at > not_after then 'gap'
		else 'given' end;
	if word <> 'given' then
		until_at := case word
			when 'rolling_24h' then roll_lifts((select array_agg(a + b) from unnest(ours, theirs) r (a, b)), h)
			when 'gap' then q.next_allowed_at
			when 'window' then case when q.opens_at > at then q.opens_at else q.day_ends_at end
			when 'day' then at
			else q.day_ends_at end;
		return;
	end if;
	-- rotation/pick, pick_next_allowed(): spread over what is left of the window, never closer than the gap.
	spread := greatest(extract(epoch from q.gap),
		case when q.cap - q.used - 1 > 0 then extract(epoch from q.closes_at - the_send_at) / (q.cap - q.used - 1) else 0 end)
		* (0.55 + 0.9 * chance);
	update send_quota u set used = q.used + 1, used_new = q.used_new + (the_kind = 'first')::int, hour = h,
			roll = roll_add(ours, h, h, 1), external = theirs, picked_at = at,
			next_allowed_at = the_send_at + greatest(q.gap, make_interval(secs => spread))
		where u.workspace_id = ws and u.inbox_id = the_inbox;
	update send_group g set hour = greatest(g.hour, h), roll = roll_add(roll_at(g.roll, g.hour, h), greatest(g.hour, h), h, 1)
		where g.workspace_id = ws and g.kind || ':' || g.name = any (charged);
	the_day := q.day_ends_at;
end $$;

-- Give a slot, or say why not.  One row: word 'given', 'replayed' (the same question again: what became of it), 'key_reused',
-- 'stopped' (do not ask again), 'hold' (until), 'none' (until, reasons).
-- A conversation that is bound to `rebind_from`, which is gone for good, goes on elsewhere, as a new thread.
create function slot_reserve(the_key text, print bytea, the_slot uuid, the_prospect text, the_address text, the_company text,
		the_sequence text, the_step text, the_kind text, the_pool uuid, candidates uuid[],
		not_before timestamptz, not_after timestamptz, horizon interval, ttl interval, chance double precision, wait boolean,
		rebind_from uuid default null)
		returns table (word text, why text, until_at timestamptz, slot_id uuid, slot_created_at timestamptz, state text, inbox_id uuid,
			send_at timestamptz, expires_at timestamptz, fence int, message_id text, thread text)
	language plpgsql as $$
#variable_conflict use_column
declare
	ws uuid := workspace_now(); g gate; p prospect_send; k slot_key; s slot; o pool; c conversation; w company_gate;
	y record; one uuid; at timestamptz; refusals jsonb := '{}'; soonest timestamptz; domain text;
begin
	call slot_lock(the_prospect, g, p);
	at := clock_timestamp();
	select * into k from slot_key e where e.workspace_id = ws and e.idempotency_key = the_key;
	if found then
		if k.fingerprint <> print then
			return query select 'key_reused', '', null::timestamptz, k.slot_id, k.slot_created_at, '', null::uuid, null::timestamptz,
				null::timestamptz, 0, '', '';
			return;
		end if;
		return query select 'replayed', t.reason, null::timestamptz, t.slot_id, t.created_at, t.state, t.inbox_id, t.send_at,
			t.expires_at, t.fence, t.message_id, coalesce(v.last_message_id, '')
			from slot t left join conversation v on v.workspace_id = ws and v.sequence = t.sequence and v.prospect_key = t.prospect_key
			where t.workspace_id = ws and t.slot_id = k.slot_id and t.created_at = k.slot_created_at;
		return;
	end if;
	select n.word, n.why, n.until_at into y from slot_gate(g, at) n;
	if y.word is null and p.slot_id is not null then
		select * into s from slot t where t.workspace_id = ws and t.slot_id = p.slot_id and t.created_at = p.slot_created_at for update;
		if s.state = 'held' and s.expires_at <= at then
			-- Nobody came for it; the refund is the sweeper's, since one inbox counter is enough for a transaction.
			update slot t set state = 'expired', settled_at = at, reason = 'expired'
				where t.workspace_id = ws and t.slot_id = s.slot_id and t.created_at = s.created_at;
		elsif s.state in ('held', 'sending', 'unknown') then
			y.word := 'hold'; y.why := 'in_flight'; y.until_at := case s.state when 'held' then s.expires_at else at + interval '30 seconds' end;
		end if;
	end if;
	select * into o from pool l where l.workspace_id = ws and l.pool_id = the_pool;
	if y.word is null and the_kind <> 'manual' and p.last_sent_at + make_interval(secs => coalesce(o.contact_gap_s, 72000)) > at then
		y.word := 'hold'; y.why := 'contact_gap'; y.until_at := p.last_sent_at + make_interval(secs => coalesce(o.contact_gap_s, 72000));
	end if;
	if y.word is null and the_company is not null then
		if o.company_cap_day is not null then
			insert into company_gate (workspace_id, domain) values (ws, the_company) on conflict do nothing;
			select * into w from company_gate m where m.workspace_id = ws and m.domain = the_company for update;
		else
			select * into w from company_gate m where m.workspace_id = ws and m.domain = the_company for share;
		end if;
		at := clock_timestamp();
		if w.level >= 3 then
			y.word := 'stopped'; y.why := 'company';
		elsif o.company_cap_day is not null and w.day = (at at time zone 'UTC')::date and w.used >= o.company_cap_day then
			y.word := 'hold'; y.why := 'company_cap'; y.until_at := ((at at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC';
		end if;
	end if;
	if y.word is not null then
		return query select y.word, y.why, y.until_at, null::uuid, null::timestamptz, '', null::uuid, null::timestamptz, null::timestamptz, 0, '', '';
		return;
	end if;

	-- A conversation stays in its inbox.
	select * into c from conversation v where v.workspace_id = ws and v.sequence = the_sequence and v.prospect_key = the_prospect;
	if c.inbox_id = rebind_from then
		c.inbox_id := null; c.last_message_id := '';
	end if;
	if c.inbox_id is not null and not (c.inbox_id = any (candidates)) then
		return query select 'none', 'bound_elsewhere', null::timestamptz, null::uuid, null::timestamptz, '', c.inbox_id, null::timestamptz,
			null::timestamptz, 0, '', '';
		return;
	end if;
	foreach one in array case when c.inbox_id is not null then array[c.inbox_id] else candidates end loop
		select * into y from slot_charge(one, the_kind, not_before, not_after, horizon, chance, wait);
		if y.word = 'given' then
			select split_part(i.address, '@', 2) into domain from inbox i where i.workspace_id = ws and i.inbox_id = one;
			insert into slot (workspace_id, slot_id, created_at, inbox_id, pool_id, prospect_key, prospect_address, company, sequence, step, kind,
					message_id, send_at, expires_at, day_ends_at, charged_hour, groups)
				values (ws, the_slot, y.at, one, the_pool, the_prospect, the_address, the_company, the_sequence, the_step, the_kind,
					the_slot || '@' || domain, y.the_send_at, y.the_send_at + ttl, y.the_day, hour_of(y.at), y.charged)
				returning * into s;
			insert into slot_key (workspace_id, idempotency_key, fingerprint, slot_id, slot_created_at)
				values (ws, the_key, print, the_slot, y.at);
			update prospect_send n set slot_id = the_slot, slot_created_at = y.at where n.workspace_id = ws and n.prospect_key = the_prospect;
			insert into conversation as v (workspace_id, sequence, prospect_key, inbox_id) values (ws, the_sequence, the_prospect, one)
				on conflict (workspace_id, sequence, prospect_key) do update set inbox_id = excluded.inbox_id,
					first_message_id = '', last_message_id = '', rebinds = v.rebinds + 1
				where v.inbox_id = rebind_from and v.inbox_id <> excluded.inbox_id;
			if c.workspace_id is not null and c.inbox_id is null then
				perform event_put(event_id_of(ws::text, the_slot::text, 'conversation.rebound'), 'conversation.rebound', the_prospect,
					g.events + 1, one, null, jsonb_build_object(
						'prospect', jsonb_build_object('key', the_prospect, 'address', the_address, 'seq', g.events + 1),
						'sequence', the_sequence, 'step', the_step, 'slot_id', the_slot,
						'inbox', (select jsonb_build_object('inbox_id', i.inbox_id, 'address', i.address) from inbox i
							where i.workspace_id = ws and i.inbox_id = one),
						'was', (select jsonb_build_object('inbox_id', i.inbox_id, 'address', i.address) from inbox i
							where i.workspace_id = ws and i.inbox_id = rebind_from)));
				update gate n set events = g.events + 1 where n.workspace_id = ws and n.prospect_key = the_prospect;
			end if;
			if o.company_cap_day is not null and the_company is not null then
				update company_gate m set day = (y.at at time zone 'UTC')::date,
						used = case when m.day = (y.at at time zone 'UTC')::date then m.used else 0 end + 1
					where m.workspace_id = ws and m.domain = the_company;
			end if;
			return query select 'given', '', null::timestamptz, s.slot_id, s.created_at, s.state, s.inbox_id, s.send_at, s.expires_at, s.fence,
				s.message_id, coalesce(c.last_message_id, '');
			return;
		end if;
		refusals := refusals || jsonb_build_object(y.word, coalesce((refusals ->> y.word)::int, 0) + 1);
		soonest := least(soonest, y.until_at);
		exit when wait; -- the locks of a second inbox might be wanted in the other order
	end loop;
	return query select 'none', refusals::text, soonest, null::uuid, null::timestamptz, '', null::uuid, null::timestamptz, null::timestamptz, 0, '', '';
end $$;

-- The mail leaves now: the last word.  word: 'begun' (again, too), 'stopped', 'hold', 'early' (until), 'fenced' (another one has it),
-- 'over' (expired, released, revoked, cancelled: ask for another slot), 'settled', 'unknown_slot'.
-- fresh: as slot_inbox().  the_outbound: see the table.
create function slot_begin(the_slot uuid, the_fence int, fresh interval, the_outbound jsonb, out word text, out why text, out until_at timestamptz, out the_inbox uuid,
		out the_message_id text, out the_prospect text)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); g gate; p prospect_send; s slot; w company_gate; at timestamptz; y record;
begin
	select t.prospect_key into the_prospect from slot t where t.workspace_id = ws and t.slot_id = the_slot;
	if not found then
		word := 'unknown_slot'; return;
	end if;
	call slot_lock(the_prospect, g, p);
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot; -- its company; locked in its turn
	if s.company is not null then
		select * into w from company_gate m where m.workspace_id = ws and m.domain = s.company for share;
	end if;
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot for update;
	at := clock_timestamp();
	the_inbox := s.inbox_id; the_message_id := s.message_id; why := s.reason;
	if the_fence < s.fence or (the_fence > s.fence and s.state = 'sending') then
		word := 'fenced'; return;
	end if;
	if s.state = 'sending' then
		word := 'begun'; return;
	elsif s.state in ('sent', 'failed', 'unknown') then
		word := 'settled'; why := s.state; return;
	elsif s.state = 'cancelled' then
		-- What the gate says now is of more use than what it said then.
		select n.word, n.why, n.until_at into word, why, until_at from slot_gate(g, at) n;
		if word is null and w.level >= 3 then
			word := 'stopped'; why := 'company';
		elsif word is null then
			word := 'over'; why := 'cancelled';
		end if;
		return;
	elsif s.state <> 'held' then
		word := 'over'; why := s.state; return;
	end if;
	select n.word, n.why, n.until_at into y from slot_gate(g, at) n;
	if y.word is null and w.level >= 3 then
		y.word := 'stopped'; y.why := 'company';
	end if;
	if y.word = 'stopped' then
		update slot t set state = 'cancelled', settled_at = at, reason = y.why
			where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
		update prospect_send n set slot_id = null, slot_created_at = null where n.workspace_id = ws and n.prospect_key = the_prospect;
		word := y.word; why := y.why; return;
	elsif y.word is not null then
		word := y.word; why := y.why; until_at := y.until_at; return;
	elsif s.expires_at <= at then
		update slot t set state = 'expired', settled_at = at, reason = 'expired'
			where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
		update prospect_send n set slot_id = null, slot_created_at = null where n.workspace_id = ws and n.prospect_key = the_prospect;
		word := 'over'; why := 'expired'; return;
	elsif s.send_at > at then
		word := 'early'; until_at := s.send_at; return;
	end if;
	why := slot_inbox(s.inbox_id, s.kind, at, fresh);
	if why in ('away', 'inbox_behind') then
		word := 'hold'; why := 'inbox_behind'; until_at := at + interval '10 seconds'; return;
	elsif why is not null then
		update slot t set state = 'revoked', settled_at = at, reason = slot_begin.why
			where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
		update prospect_send n set slot_id = null, slot_created_at = null where n.workspace_id = ws and n.prospect_key = the_prospect;
		word := 'over'; return;
	end if;
	update slot t set state = 'sending', fence = the_fence, begun_at = at, outbound = the_outbound
		where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
	word := 'begun'; why := '';
end $$;

-- One mail more or less where a slot was charged: the day's counters if it is still that day, the hours in any case.
create function slot_recount(s slot, n int) returns void language plpgsql as $$
begin
	perform from send_group g where g.workspace_id = s.workspace_id and g.kind || ':' || g.name = any (s.groups) order by g.kind, g.name for update;
	update send_group g set roll = roll_add(g.roll, g.hour, s.charged_hour, n)
		where g.workspace_id = s.workspace_id and g.kind || ':' || g.name = any (s.groups);
	update send_quota q set roll = roll_add(q.roll, q.hour, s.charged_hour, n),
			used = q.used + n * (q.day_ends_at = s.day_ends_at)::int,
			used_new = q.used_new + n * (q.day_ends_at = s.day_ends_at and s.kind = 'first')::int
		where q.workspace_id = s.workspace_id and q.inbox_id = s.inbox_id;
end $$;

-- What was certainly not sent is given back, once.
create function slot_refund(the_slot uuid, made_at timestamptz) returns boolean language plpgsql as $$
declare
	s slot;
begin
	update slot t set refunded_at = clock_timestamp()
		where t.slot_id = the_slot and t.created_at = made_at and t.refunded_at is null
			and t.state in ('released', 'expired', 'cancelled', 'revoked', 'failed')
		returning * into s;
	if not found then
		return false;
	end if;
	perform slot_recount(s, -1);
	return true;
end $$;

-- How a slot ends.  as_state: 'sent' (taken late, too: the mail is out), 'failed' (certainly not sent), 'unknown', 'released'.
-- word: the state it has now; 'fenced', 'unknown_slot'.  fresh: it changed by this call.
create function slot_settle(the_slot uuid, the_fence int, as_state text, the_message_id text, the_reason text,
		out word text, out fresh boolean, out s slot)
	language plpgsql as $$
declare
	ws uuid := workspace_now(); p prospect_send; at timestamptz; may boolean;
begin
	fresh := false;
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot;
	if not found then
		word := 'unknown_slot'; return;
	end if;
	insert into prospect_send (workspace_id, prospect_key) values (ws, s.prospect_key) on conflict do nothing;
	select * into p from prospect_send n where n.workspace_id = ws and n.prospect_key = s.prospect_key for update;
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot for update;
	at := clock_timestamp();
	if the_fence < s.fence then
		word := 'fenced'; return;
	end if;
	may := case as_state
		when 'sent' then s.state <> 'sent'
		when 'failed' then s.state in ('held', 'sending', 'unknown')
		when 'unknown' then s.state = 'sending'
		when 'released' then s.state = 'held' end;
	if not may then
		word := s.state; return;
	end if;
	update slot t set state = as_state, settled_at = at, outbound = case when as_state = 'unknown' then t.outbound end,
			reason = case when as_state = 'sent' and s.refunded_at is not null then 'late' else the_reason end,
			message_id = case when as_state = 'sent' and the_message_id <> '' then the_message_id else t.message_id end
		where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
	if as_state <> 'unknown' and p.slot_id = the_slot then
		update prospect_send n set slot_id = null, slot_created_at = null where n.workspace_id = ws and n.prospect_key = s.prospect_key;
	end if;
	if as_state = 'sent' then
		update prospect_send n set last_sent_at = greatest(n.last_sent_at, at) where n.workspace_id = ws and n.prospect_key = s.prospect_key;
		update conversation v set last_message_id = case when the_message_id <> '' then the_message_id else s.message_id end,
				first_message_id = case when v.first_message_id = '' then coalesce(nullif(the_message_id, ''), s.message_id) else v.first_message_id end
			where v.workspace_id = ws and v.sequence = s.sequence and v.prospect_key = s.prospect_key;
		-- It was given back and went out all the same: the counters say what is true, above the cap if need be.
		if s.refunded_at is not null then
			perform slot_recount(s, 1);
			update slot t set refunded_at = null where t.workspace_id = ws and t.slot_id = the_slot and t.created_at = s.created_at;
		end if;
	elsif as_state in ('failed', 'released') then
		perform slot_refund(the_slot, s.created_at);
	end if;
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot;
	word := as_state; fresh := true;
end $$;

-- The mail is out: it is registered, and its slot settled, or neither.  item: of outbound_register(), null: the one kept since begin.
-- Keys come before prospects, in the order of all.  result: of the registration, '' when nothing was registered.
create function slot_sent(the_slot uuid, the_fence int, the_message_id text, item jsonb, the_reason text,
		out word text, out fresh boolean, out s slot, out result text, out outbound_id uuid, out rechecks int)
	language plpgsql as $$
#variable_conflict use_column
declare
	ws uuid := workspace_now(); r record; e record;
begin
	fresh := false; result := ''; rechecks := 0;
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot;
	if not found then
		word := 'unknown_slot'; return;
	end if;
	if the_fence < s.fence then
		word := 'fenced'; return;
	end if;
	item := coalesce(item, s.outbound);
	if item is not null then
		select o.result, o.outbound_id, o.rechecks into r
			from outbound_register(outbound_wanted(jsonb_build_array(item))) o;
		result := r.result; outbound_id := r.outbound_id; rechecks := r.rechecks;
	end if;
	select * into e from slot_settle(the_slot, the_fence, 'sent', the_message_id, the_reason);
	word := e.word; fresh := e.fresh; s := e.s;
end $$;

-- What became of a mail whose sender fell silent: its copy in Sent says that it is out, and so does whoever registered it.  Where
-- the last mail before it has left a copy, one that has left none within `patience`, while its inbox was watched, is not out;
-- elsewhere nobody knows, and the engine decides: a wrong refund mails a person twice.  what: 'sent', 'failed', '' (not known).
-- As the owner, since who registers mails needs rights that the housekeeper has no other use for.
create function slot_find(the_slot uuid, patience interval) returns text language plpgsql
	security definer set search_path = replyd, pg_temp as $$
declare
	ws uuid := workspace_now(); s slot; at timestamptz := clock_timestamp(); own bytea; r record;
begin
	select * into s from slot t where t.workspace_id = ws and t.slot_id = the_slot and t.state = 'unknown';
	if not found or s.outbound is null then
		return '';
	end if;
	own := decode(s.outbound ->> 'digest', 'hex');
	if exists (select from trace t where t.workspace_id = ws and t.digest = own and t.names = 'own')
			or exists (select from outbound_key k where k.workspace_id = ws and k.digest = own and k.outbound_id is not null) then
		select * into r from slot_sent(the_slot, s.fence, '', null, 'sent_copy');
		return case when r.fresh then 'sent' else '' end;
	end if;
	if s.begun_at > at - patience
			or not exists (select from inbox_state i where i.workspace_id = ws and i.inbox_id = s.inbox_id and i.state = 'live')
			or not exists (select from inbox_seen e where e.workspace_id = ws and e.inbox_id = s.inbox_id
				and e.gated_through >= s.begun_at + patience)
			or not exists (select from folder f where f.workspace_id = ws and f.inbox_id = s.inbox_id and f.role in ('sent', 'all'))
			or exists (select from gap g where g.workspace_id = ws and g.inbox_id = s.inbox_id and g.closed_at is null)
			or (select o.sent_copy_at is null from slot t
				join outbound o on o.workspace_id = ws and o.outbound_id = t.slot_id
				where t.workspace_id = ws and t.inbox_id = s.inbox_id and t.state = 'sent' and t.settled_at < at - patience
				order by t.settled_at desc limit 1) is not false then
		return '';
	end if;
	select * into r from slot_settle(the_slot, s.fence, 'failed', '', 'no_copy');
	return case when r.fresh then 'failed' else '' end;
end $$;

-- One thing that ran out, or is owed back; '' when there is nothing.  Called until then: one item, one transaction, so that no two
-- sweepers can wait for each other.  As replyd_rotation, over all workspaces.
create function slot_sweep(silence interval) returns text language plpgsql as $$
declare
	due record; s slot; at timestamptz := clock_timestamp();
begin
	for due in
		(select t.workspace_id, t.slot_id, t.created_at, t.prospect_key, 'expired' as become from slot t
			where t.state = 'held' and t.expires_at <= at order by t.expires_at limit 8)
		union all
		(select t.workspace_id, t.slot_id, t.created_at, t.prospect_key, 'unknown' from slot t
			where t.state = 'sending' and t.begun_at <= at - silence order by t.begun_at limit 8)
		union all
		(select t.workspace_id, t.slot_id, t.created_at, t.prospect_key, 'refunded' from slot t
			where t.refunded_at is null and t.state in ('released', 'expired', 'cancelled', 'revoked', 'failed')
			order by t.settled_at limit 8)
	loop
		perform from prospect_send n where n.workspace_id = due.workspace_id and n.prospect_key = due.prospect_key for update skip locked;
		continue when not found;
		select * into s from slot t where t.workspace_id = due.workspace_id and t.slot_id = due.slot_id and t.created_at = due.created_at
			for update skip locked;
		continue when not found;
		if due.become = 'expired' then
			continue when s.state <> 'held' or s.expires_at > at;
			update slot t set state = 'expired', settled_at = at, reason = 'expired'
				where t.workspace_id = s.workspace_id and t.slot_id = s.slot_id and t.created_at = s.created_at;
			update prospect_send n set slot_id = null, slot_created_at = null
				where n.workspace_id = s.workspace_id and n.prospect_key = s.prospect_key and n.slot_id = s.slot_id;
			perform slot_refund(s.slot_id, s.created_at);
		elsif due.become = 'unknown' then
			continue when s.state <> 'sending' or s.begun_at > at - silence;
			update slot t set state = 'unknown', reason = 'no_answer'
				where t.workspace_id = s.workspace_id and t.slot_id = s.slot_id and t.created_at = s.created_at;
		else
			continue when not slot_refund(s.slot_id, s.created_at);
		end if;
		return due.become;
	end loop;
	return '';
end $$;

-- A cap fell, or the inbox went blind: promises that nobody has begun are taken back, newest first, until `keep` of them are left.
-- Returns how many.  The refunds are the sweeper's.
create function slot_revoke(the_inbox uuid, keep int, why text) returns int language plpgsql as $$
declare
	ws uuid := workspace_now(); t record; s slot; n int := 0;
begin
	for t in select o.slot_id, o.created_at, o.prospect_key from slot o
			where o.workspace_id = ws and o.inbox_id = the_inbox and o.state = 'held' order by o.created_at desc, o.slot_id
			limit greatest((select count(*) from slot c where c.workspace_id = ws and c.inbox_id = the_inbox and c.state = 'held') - keep, 0)
	loop
		-- Who holds one is about to begin it, or to end it: it is passed over, and counted again by the next call.
		perform from prospect_send p where p.workspace_id = ws and p.prospect_key = t.prospect_key for update skip locked;
		continue when not found;
		select * into s from slot o where o.workspace_id = ws and o.slot_id = t.slot_id and o.created_at = t.created_at and o.state = 'held'
			for update skip locked;
		continue when not found;
		update slot o set state = 'revoked', settled_at = clock_timestamp(), reason = why
			where o.workspace_id = ws and o.slot_id = s.slot_id and o.created_at = s.created_at;
		update prospect_send p set slot_id = null, slot_created_at = null
			where p.workspace_id = ws and p.prospect_key = s.prospect_key and p.slot_id = s.slot_id;
		n := n + 1;
	end loop;
	return n;
end $$;

-- Promises of inboxes that may not keep them: blind for longer than `grace`, stopped by their people, their health or their provider,
-- or more than a cap that fell allows.  At most `most` inboxes; returns how many promises were taken back.
create function slot_revoke_unfit(grace interval, most int) returns int language plpgsql as $$
declare
	named text := current_setting('replyd.workspace', true); t record; n int := 0; at timestamptz := clock_timestamp();
begin
	for t in
		select h.workspace_id, h.inbox_id, u.why, case when u.why = 'cap' then greatest(h.n - u.over, 0) else 0 end::int as keep
		from (select o.workspace_id, o.inbox_id, count(*) as n from slot o where o.state = 'held' group by 1, 2) h
		join inbox i on i.workspace_id = h.workspace_id and i.inbox_id = h.inbox_id
		left join inbox_state s on s.workspace_id = h.workspace_id and s.inbox_id = h.inbox_id
		left join send_policy p on p.workspace_id = h.workspace_id and p.inbox_id = h.inbox_id
		left join send_standing d on d.workspace_id = h.workspace_id and d.inbox_id = h.inbox_id
		left join send_quota q on q.workspace_id = h.workspace_id and q.inbox_id = h.inbox_id and q.day_ends_at > at and q.used > q.cap
		cross join lateral (
			-- What was taken back before and waits for its refund is counted as used, and holds nothing.
			select case when q.used > q.cap then q.used - q.cap - (select count(*) from slot w
				where w.refunded_at is null and w.state in ('released', 'expired', 'cancelled', 'revoked', 'failed')
					and w.workspace_id = h.workspace_id and w.inbox_id = h.inbox_id and w.day_ends_at = q.day_ends_at) else 0 end) o (over)
		cross join lateral (
			select o.over, case
				when i.admin_state = 'removed' then 'removed'
				when s.state = 'reauth_required' then 'reauth_required'
				when d.suspended <> '' then 'suspended'
				when d.band = 'quarantined' then 'health'
				when i.admin_state <> 'enabled' or p.sends = 'none' then 'paused'
				when (s.state is null or s.state not in ('live', 'catching_up')) and coalesce(s.since < at - grace, true) then 'away'
				when d.limited_until > at then 'limited'
				when o.over > 0 then 'cap' end as why) u
		where u.why is not null
		order by h.workspace_id, h.inbox_id limit most
	loop
		perform set_config('replyd.workspace', t.workspace_id::text, true);
		n := n + slot_revoke(t.inbox_id, t.keep, t.why);
	end loop;
	perform set_config('replyd.workspace', coalesce(named, ''), true);
	return n;
end $$;

grant execute on function slot_gate(gate, timestamptz) to replyd_api;
grant execute on procedure slot_lock(text, gate, prospect_send) to replyd_api;
grant execute on function slot_charge(uuid, text, timestamptz, timestamptz, interval, double precision, boolean) to replyd_api;
grant execute on function slot_reserve(text, bytea, uuid, text, text, text, text, text, text, uuid, uuid[], timestamptz, timestamptz, interval,
	interval, double precision, boolean, uuid) to replyd_api;
grant execute on function slot_inbox(uuid, text, timestamptz, interval) to replyd_api;
grant execute on function slot_begin(uuid, int, interval, jsonb), slot_sent(uuid, int, text, jsonb, text), slot_settle(uuid, int, text, text, text) to replyd_api;
grant execute on function slot_recount(slot, int), slot_refund(uuid, timestamptz) to replyd_api, replyd_rotation;
grant execute on function slot_sweep(interval), slot_find(uuid, interval), slot_revoke_unfit(interval, int) to replyd_rotation;
grant execute on function slot_revoke(uuid, int, text) to replyd_api, replyd_rotation;
