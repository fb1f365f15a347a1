-- The fleet of workers: who has how much, who takes over from whom, and what changed since one looked.

alter table worker
	add column held     int     not null default 0,      -- inboxes, as it counts them itself
	add column live     int     not null default 0,      -- of them, watched and proven
	add column draining boolean not null default false,  -- takes nothing more; others take what it has
	add column slot     text    not null default '';     -- whoever starts it vouches: one process of a slot at a time

-- successor_id: a worker that has connected, or is about to, while worker_id still writes (handover).
-- watched: the inbox is enabled.  changed_xid: the transaction that changed the lease, or what the walk reads of its
-- inbox; a walk asks for everything since the oldest transaction that was not over when it looked last.
alter table lease
	add column successor_id uuid references worker on delete set null,
	add column claimed_at   timestamptz,                 -- when somebody last wanted to be the successor
	add column watched      boolean not null default true,
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

-- A provider, or a server that nobody described, that does not let many inboxes in: one incident of one worker.
-- It belongs to no workspace, and names none.
create table outage (
	outage_id bigint generated always as identity primary key,
	worker_id uuid        not null,                      -- not its row: that goes before the history does
	provider  text        not null,
	inboxes   int         not null,                      -- that failed when it was noticed
	opened_at timestamptz not null default now(),
	ended_at  timestamptz
);
create index outage_open on outage (worker_id, provider) where ended_at is null;
create index outage_opened on outage (opened_at);
grant select, insert, update on outage to replyd_ingest;
grant select on outage to replyd_api, replyd_admin;
grant select, delete on outage to replyd_rotation;

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
	select 'replyd_provider_outages_open', '', '', (select count(*) from outage o join worker w on w.worker_id = o.worker_id
		where o.ended_at is null)
	union all
	select 'replyd_provider_outages', '', '', coalesce(max(outage_id), 0) from outage
$$;
grant execute on function metrics_fleet() to replyd_api;
