-- The log ends somewhere: what is older than the installation keeps goes, by whole months where tables have months.
--
-- A reader never skips what goes: the floor of its feed rises first, and whoever reads from below it is told so.
-- works-with: 23

-- Months end where their last instant is so old: the first instant that stays.
create function month_edge(age interval) returns timestamptz
	language sql stable
	return date_trunc('month', (now() - age) at time zone 'UTC') at time zone 'UTC';

-- As feed_page() (0023), for readers beside whom months go.  A month's table is dropped under whoever has looked at the floor and not
-- yet at the table; so the floor is looked at again, by a statement of its own that sees what was committed meanwhile.
create function feed_read(after bigint, the_consumer text, wanted text[], most bigint, win bigint)
		returns table (page text, told bigint, upto bigint, whole boolean, floor bigint, head bigint)
	language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
	ws uuid := workspace_now(); low bigint;
begin
	select p.* into page, told, upto, whole, floor, head from feed_page(after, the_consumer, wanted, most, win) p;
	select h.floor into low from feed_head h where h.workspace_id = ws;
	if low > floor and coalesce(after, (select a.position from feed_ack a where a.workspace_id = ws and a.consumer = the_consumer), floor)
			< low then
		page := null; told := 0; upto := low; whole := true; floor := low;
	end if;
	return next;
end $$;
grant execute on function feed_read(bigint, text, text[], bigint, bigint) to replyd_api;

-- The floors of all feeds rise to where the months that stay begin.  Returns how many rose.
create function feed_floor(age interval) returns bigint language plpgsql as $$
declare
	n bigint;
begin
	update feed_head h set floor = f.top
		from (select f.workspace_id, max(f.position) as top from feed f where f.event_created_at < month_edge(age) group by 1) f
		where h.workspace_id = f.workspace_id and h.floor < f.top;
	get diagnostics n = row_count;
	return n;
end $$;
call opened_to('feed', 'replyd_rotation', 'the floors of all feeds rise');
grant select on feed to replyd_rotation;
grant select, update (floor) on feed_head to replyd_rotation;

-- One month's table that is older than this as a whole is dropped; 0: there is none.  One at a time, so that nobody waits long; who
-- holds it up is waited for a moment only: there is a next time.  A month in which a mail still waits for its text stays.
create function log_drop(events interval, messages interval) returns bigint
	language plpgsql security definer set search_path = replyd, pg_temp as $$
declare
	month record; waits boolean;
begin
	set local lock_timeout = '2s';
	for month in
		select p.parent, c.oid::regclass as part
		from (values (1, 'feed', events), (2, 'event', events), (3, 'attempt', events), (4, 'message', messages)) as p (nth, parent, age)
		join pg_inherits h on h.inhparent = ('replyd.' || p.parent)::regclass
		join pg_class c on c.oid = h.inhrelid
		where c.relname ~ ('^' || p.parent || '_\d{4}_\d{2}$')
			and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= (now() at time zone 'UTC') - p.age
		order by p.nth, c.relname
	loop
		if month.parent = 'message' then
			-- The owner, who logs in nowhere, sees no rows otherwise.
			execute format('alter table %s no force row level security', month.part);
			execute format('select exists (select from %s where state = ''pending'')', month.part) into waits;
			execute format('alter table %s force row level security', month.part);
			continue when waits;
		end if;
		execute format('drop table %s', month.part);
		return 1;
	end loop;
	return 0;
end $$;

-- What is unique for ever cannot be cut by time: keys by month would let a repeat at the turn of a month write a second event.  These
-- rows are small, and go by portions, found by ranges of blocks that cost next to nothing to keep.
alter table prospect_message add column noted_at timestamptz not null default now();
create index event_key_age on event_key using brin (event_created_at) with (pages_per_range = 32, autosummarize = on);
create index delivery_age on delivery using brin (event_created_at) with (pages_per_range = 32, autosummarize = on);
create index message_key_age on message_key using brin (message_created_at) with (pages_per_range = 32, autosummarize = on);
create index prospect_message_age on prospect_message using brin (noted_at) with (pages_per_range = 32, autosummarize = on);
create index sighting_age on sighting using brin (seen_at) with (pages_per_range = 32, autosummarize = on);
call opened_to('event_key', 'replyd_rotation', 'keys of events that are gone are removed');
call opened_to('message_key', 'replyd_rotation', 'keys of messages that are gone are removed');
call opened_to('prospect_message', 'replyd_rotation', 'mails that are gone are removed');
call opened_to('sighting', 'replyd_rotation', 'sightings of mails that are gone are removed');
call opened_to('endpoint_lane', 'replyd_rotation', 'what waited behind an event that is gone may go');
grant select, delete on event_key, message_key, prospect_message, sighting to replyd_rotation;
grant select, update (state, due_at), delete on delivery to replyd_rotation;
grant select, update (due_at) on endpoint_lane to replyd_rotation;
grant execute on function delivery_follow(uuid[], text[]) to replyd_rotation;

-- Rows of months that go: keys before their tables, so that nobody finds a key without what it is for.  Dead letters go with their
-- events, and so does what an endpoint was owed.  Returns how many, and is to be asked again until it is none.
create function log_purge(events interval, messages interval) returns bigint
	language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	n bigint; total bigint := 0; portion constant int := 20000; freed uuid[]; freed_who text[];
begin
	delete from event_key k where (k.workspace_id, k.event_id) in (
		select o.workspace_id, o.event_id from event_key o where o.event_created_at < month_edge(events) limit portion);
	get diagnostics n = row_count; total := total + n;
	with gone as (
		delete from delivery d where (d.workspace_id, d.endpoint_id, d.position) in (
			select o.workspace_id, o.endpoint_id, o.position from delivery o where o.event_created_at < month_edge(events)
			order by o.endpoint_id, o.position limit portion)
		returning d.endpoint_id, d.prospect_key)
	select count(*), array_agg(g.endpoint_id), array_agg(g.prospect_key) into n, freed, freed_who from gone g;
	if n > 0 then
		perform delivery_follow(freed, freed_who);
		update endpoint_lane l set due_at = least(l.due_at, now()) where l.endpoint_id = any (freed);
		total := total + n;
	end if;
	delete from message_key k where (k.workspace_id, k.message_id) in (
		select o.workspace_id, o.message_id from message_key o where o.message_created_at < month_edge(messages)
			and not exists (select from gate_pending p where p.workspace_id = o.workspace_id and p.message_id = o.message_id) limit portion);
	get diagnostics n = row_count; total := total + n;
	delete from prospect_message p where (p.workspace_id, p.prospect_key, p.message_id) in (
		select o.workspace_id, o.prospect_key, o.message_id from prospect_message o where o.noted_at < month_edge(messages)
			and not exists (select from gate_pending w where w.workspace_id = o.workspace_id and w.message_id = o.message_id) limit portion);
	get diagnostics n = row_count; total := total + n;
	delete from sighting s where (s.workspace_id, s.message_id, s.folder_id, s.uidvalidity, s.uid) in (
		select o.workspace_id, o.message_id, o.folder_id, o.uidvalidity, o.uid from sighting o
		where o.seen_at < month_edge(messages) limit portion);
	get diagnostics n = row_count;
	return total + n;
end $$;
call opened_to('gate_pending', 'replyd_rotation', 'a mail that still waits for its text stays');
grant select on gate_pending to replyd_rotation;

-- One step towards a log that holds no more than it should; 0: it does not.
create function log_retain(events interval, messages interval) returns bigint
	language plpgsql as $$
declare
	n bigint := log_purge(events, messages);
begin
	if n = 0 then
		n := feed_floor(events);
	end if;
	if n = 0 then
		n := log_drop(events, messages);
	end if;
	return n;
end $$;
grant execute on function month_edge(interval), feed_floor(interval), log_drop(interval, interval), log_purge(interval, interval),
	log_retain(interval, interval) to replyd_rotation;
