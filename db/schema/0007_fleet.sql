-- The fleet of workers: who has how much, who takes over from whom, and what changed since one looked.
-- works-with: 7

alter table worker
	add column held     int     not null default 0,      -- inboxes, as it counts them itself
	add column live     int     not null default 0,      -- of them, watched and proven
	add column draining boolean not null default false,  -- takes nothing more; others take what it has
	add column slot     text    not null default '';     -- whoever starts it vouches: one process of a slot at a time

-- Said again and again of every inbox: room for the next word on the same page, where no index has to know.
alter table inbox_state set (fillfactor = 50);

-- successor_id: a worker that has connected, or is about to, while worker_id still writes (handover).
-- watched: the inbox is enabled.  changed_xid: the transaction that changed the lease, or what the walk reads of its
-- inbox; a walk asks for everything since the oldest transaction that was not over when it looked last.
alter table lease
	add column successor_id uuid references worker on delete set null,
	add column claimed_at   timestamptz,                 -- when somebody last wanted to be the successor
	add column watched      boolean not null default true,
	add column bereft       boolean not null default false, -- whoever had it before died over it, or of something else
	add column changed_xid  xid8    not null default '0';
create index lease_successor on lease (successor_id) where successor_id is not null;
create index lease_free on lease (taken_at) where worker_id is null and watched;
create index lease_changed on lease (changed_xid);

create function lease_stamp() returns trigger language plpgsql as $$
begin
	new.changed_xid := pg_current_xact_id();
	return new;
end $$;
create trigger lease_stamped before insert or update on lease for each row execute function lease_stamp();

-- Lock order: an inbox, then its lease; nobody holds a lease and then changes an inbox.
create function inbox_tell() returns trigger language plpgsql set search_path = replyd, pg_temp as $$
begin
	update lease set watched = (new.admin_state = 'enabled')
		where workspace_id = new.workspace_id and inbox_id = new.inbox_id;
	return null;
end $$;
create trigger inbox_told after update on inbox for each row when (old is distinct from new) execute function inbox_tell();
grant update (watched) on lease to replyd_broker, replyd_api; -- in that trigger: it runs as whoever changes the inbox

-- The walls hold for the owner too; what is there already is seen only without them.
alter table lease no force row level security;
alter table inbox no force row level security;
update lease l set watched = false from inbox b
	where b.workspace_id = l.workspace_id and b.inbox_id = l.inbox_id and b.admin_state <> 'enabled';
alter table lease force row level security;
alter table inbox force row level security;

-- Their servers asked for so much patience: whoever watches the inbox next has it too.
alter table inbox_state add column retry_at timestamptz;

-- A provider, or a server that nobody described, that does not let many inboxes in: one incident, however many workers
-- notice it.  It belongs to no workspace, and names none.
create table outage (
	outage_id bigint generated always as identity primary key,
	provider  text        not null,                      -- or the server's host
	workers   uuid[]      not null,                      -- not their rows: those go before the history does
	inboxes   int         not null,                      -- that were out when each of them noticed it
	opened_at timestamptz not null default now(),
	seen_at   timestamptz not null default now(),        -- a worker that is still down says so every five minutes
	ended_at  timestamptz
);
create unique index outage_open on outage (provider) where ended_at is null;
create index outage_opened on outage (opened_at);
grant select, insert, update on outage to replyd_ingest;
grant select on outage to replyd_api, replyd_admin;
grant select, update (ended_at), delete on outage to replyd_rotation;

-- A worker is turned away, still or again.  Returns whether it is the first to say so.
create function outage_seen(the_worker uuid, the_provider text, the_inboxes int) returns boolean
	language plpgsql set search_path = replyd, pg_temp as $$
begin
	perform pg_advisory_xact_lock(hashtextextended('outage ' || the_provider, 0));
	update outage o set seen_at = now(),
		inboxes = o.inboxes + case when the_worker = any (o.workers) then 0 else the_inboxes end,
		workers = case when the_worker = any (o.workers) then o.workers else o.workers || the_worker end
		where o.provider = the_provider and o.ended_at is null;
	if found then
		return false;
	end if;
	insert into outage (provider, workers, inboxes) values (the_provider, array[the_worker], the_inboxes);
	return true;
end $$;
-- Somebody was let in and stayed.  Returns whether that ended it.
create function outage_over(the_provider text) returns boolean language plpgsql set search_path = replyd, pg_temp as $$
begin
	perform pg_advisory_xact_lock(hashtextextended('outage ' || the_provider, 0));
	update outage set ended_at = now() where provider = the_provider and ended_at is null;
	return found;
end $$;
grant execute on function outage_seen(uuid, text, int), outage_over(text) to replyd_ingest;

-- `replyd worker drain`.
grant update (draining) on worker to replyd_admin;

create function metrics_fleet() returns table (name text, label text, label_value text, value double precision)
	language sql stable as $$
	select 'replyd_workers', 'state', s.state, (select count(*) from worker w where s.state = case
			when w.beat_at < now() - interval '30 seconds' then 'silent' when w.draining then 'draining' else 'working' end)
		from unnest(array['working', 'draining', 'silent']) as s (state)
	union all
	select 'replyd_worker_inboxes', 'count', c.label, c.value from
		(select coalesce(sum(capacity), 0) as capacity, coalesce(sum(held), 0) as held, coalesce(sum(live), 0) as live
			from worker where beat_at >= now() - interval '30 seconds') w,
		lateral (values ('capacity', w.capacity), ('held', w.held), ('live', w.live)) as c (label, value)
	union all
	select 'replyd_provider_outages_open', '', '', (select count(*) from outage
		where ended_at is null and seen_at >= now() - interval '15 minutes')
	union all
	select 'replyd_provider_outages', '', '', coalesce(max(outage_id), 0) from outage
$$;
grant execute on function metrics_fleet() to replyd_api;
