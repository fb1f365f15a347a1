-- Who answers answers for his company, where the pool that wrote to him says so.
--
-- works-with: 23

-- For whom he works and which pool writes to him, of his newest slot.
alter table prospect_send add column company text, add column pool_id uuid;
create index prospect_send_company on prospect_send (workspace_id, company) where company is not null; -- who else of them was written to

-- With the slot that is kept there, in the same write.
create function prospect_send_company() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	select t.company, t.pool_id into new.company, new.pool_id from slot t
		where t.workspace_id = new.workspace_id and t.slot_id = new.slot_id and t.created_at = new.slot_created_at;
	return new;
end $$;
create trigger prospect_send_company before update of slot_id on prospect_send
	for each row when (new.slot_id is not null and new.slot_id is distinct from old.slot_id) execute function prospect_send_company();

-- What a person says for his company too: not that a mail did not reach him, nor that he left.
create function speaks_for_company(the_level smallint, the_reason text) returns boolean language sql immutable parallel safe as $$
	select the_level >= 3 and the_reason in ('replied', 'unsubscribed', 'complained')
$$;

-- At commit, behind all gates of people that this transaction holds: the company's gate comes last in the order of locks.  Who had a
-- slot before it was closed is stopped when he begins, which looks at this gate (slot_begin).  Two groups of answers that close the
-- same two companies the other way round may meet in a ring: PostgreSQL ends one, which is repeated as a whole.
create function company_stopped() returns trigger language plpgsql
	set search_path = replyd, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
	named text := current_setting('replyd.workspace', true); them text; g record;
begin
	perform set_config('replyd.workspace', new.workspace_id::text, true);
	select s.company into them from prospect_send s join pool p on p.workspace_id = s.workspace_id and p.pool_id = s.pool_id
		where s.workspace_id = new.workspace_id and s.prospect_key = new.prospect_key and p.company_stop;
	if them is not null and speaks_for_company(new.level, new.reason) then
		insert into company_gate as c (workspace_id, domain, level, reason, prospect_key, closed_at)
			values (new.workspace_id, them, new.level, new.reason, new.prospect_key, clock_timestamp())
			on conflict (workspace_id, domain) do update set level = excluded.level, reason = excluded.reason,
				prospect_key = excluded.prospect_key, closed_at = coalesce(c.closed_at, excluded.closed_at)
			where c.level < excluded.level;
	elsif new.level < 3 then
		-- He is resumed: what he said for them is taken back, unless another one of them says it still.
		select c.domain into them from company_gate c join prospect_send s on s.workspace_id = c.workspace_id and s.company = c.domain
			where s.workspace_id = new.workspace_id and s.prospect_key = new.prospect_key and c.prospect_key = new.prospect_key
			for update of c;
		if them is not null then
			select o.level, o.reason, o.prospect_key into g from prospect_send s
				join gate o on o.workspace_id = s.workspace_id and o.prospect_key = s.prospect_key
				join pool p on p.workspace_id = s.workspace_id and p.pool_id = s.pool_id
				where s.workspace_id = new.workspace_id and s.company = them and p.company_stop and speaks_for_company(o.level, o.reason)
				order by o.level desc, o.closed_at limit 1;
			update company_gate c set level = coalesce(g.level, 0), reason = coalesce(g.reason, ''), prospect_key = g.prospect_key,
					closed_at = case when g.level is not null then c.closed_at end
				where c.workspace_id = new.workspace_id and c.domain = them;
		end if;
	end if;
	perform set_config('replyd.workspace', coalesce(named, ''), true);
	return null;
end $$;
create constraint trigger company_closed after insert on gate deferrable initially deferred
	for each row when (new.level >= 3) execute function company_stopped();
create constraint trigger company_moved after update of level on gate deferrable initially deferred
	for each row when (old.level is distinct from new.level and (old.level >= 3 or new.level >= 3)) execute function company_stopped();

grant select (workspace_id, pool_id, company_stop) on pool to replyd_ingest;
grant insert on company_gate to replyd_ingest;
grant execute on function speaks_for_company(smallint, text) to replyd_api, replyd_ingest;
