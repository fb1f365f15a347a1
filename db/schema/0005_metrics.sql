-- Sums for the operator, over all workspaces, kept by rotation and read by the API.
--
-- The API is walled to one workspace, so it cannot count across them; rotation,
-- which may read the tables of states, writes the sums here every few seconds.

create table metric (
	name        text not null,
	label       text not null default '',
	label_value text not null default '',
	value       double precision not null,
	counted_at  timestamptz not null default now(),
	primary key (name, label_value)
);
grant select, insert, update, delete on metric to replyd_rotation;
grant select on metric to replyd_api;

call opened_to('inbox_state', 'replyd_rotation', 'sums for the operator');
call opened_to('folder', 'replyd_rotation', 'sums for the operator');
call opened_to('event_queue', 'replyd_rotation', 'sums for the operator');
call opened_to('delivery', 'replyd_rotation', 'sums for the operator');
call opened_to('feed_head', 'replyd_rotation', 'sums for the operator');
call opened_to('token_request', 'replyd_rotation', 'sums for the operator');
grant select (inbox_id, state) on inbox_state to replyd_rotation;
grant select (inbox_id, role, gated_through) on folder to replyd_rotation;
grant select (queue_id) on event_queue to replyd_rotation;
grant select (state, due_at) on delivery to replyd_rotation;
grant select (position) on feed_head to replyd_rotation;
grant select (requested_at) on token_request to replyd_rotation;

create procedure metrics_count() language plpgsql as $$
begin
	if not pg_try_advisory_xact_lock(hashtextextended('replyd.metrics', 0)) then
		return; -- another rotation counts
	end if;
	delete from metric;
	insert into metric (name, label, label_value, value)
	select 'replyd_inboxes', 'state', s.state, count(i.inbox_id)
		from unnest(array['new', 'connecting', 'catching_up', 'live', 'backing_off', 'reauth_required', 'held', 'unwatched']) as s (state)
		left join inbox_state i on i.state = s.state group by s.state
	union all
	select 'replyd_watermark_lag_seconds_max', '', '', coalesce(max(extract(epoch from now() - f.gated_through)), 0)
		from folder f join inbox_state i on i.inbox_id = f.inbox_id and i.state = 'live' where f.role in ('inbox', 'junk')
	union all
	select 'replyd_events_positioned', '', '', coalesce(sum(position), 0) from feed_head
	union all
	select 'replyd_events_waiting', '', '', count(*) from event_queue
	union all
	select 'replyd_deliveries', 'state', s.state, count(d.state) from unnest(array['due', 'dead']) as s (state)
		left join delivery d on d.state = s.state group by s.state
	union all
	select 'replyd_delivery_oldest_due_seconds', '', '', coalesce(max(extract(epoch from now() - due_at)), 0)
		from delivery where state = 'due' and due_at <= now()
	union all
	select 'replyd_token_requests_waiting', '', '', count(*) from token_request;
end $$;
grant execute on procedure metrics_count() to replyd_rotation;

create function metrics_now() returns table (name text, label text, label_value text, value double precision)
	language sql stable as $$
	select name, label, label_value, value from metric
	union all
	select 'replyd_metrics_age_seconds', '', '', coalesce(extract(epoch from now() - max(counted_at)), -1) from metric
$$;
grant execute on function metrics_now() to replyd_api;

-- What rotation keeps tidy: traces and placeholders older than their time, links nobody used.  In portions, each well within
-- a statement's time: what remains is for the next call.  Rows that somebody holds are passed over.
create function housekeeping(trace_age interval) returns bigint language plpgsql as $$
declare
	n bigint; total bigint := 0; portion constant int := 20000;
begin
	delete from trace t using (
		select workspace_id, digest, folder_id, uidvalidity, uid from trace
		where seen_at < now() - trace_age order by seen_at limit portion) old
	where (t.workspace_id, t.digest, t.folder_id, t.uidvalidity, t.uid)
		= (old.workspace_id, old.digest, old.folder_id, old.uidvalidity, old.uid);
	get diagnostics n = row_count; total := total + n;
	delete from outbound_key k using (
		select workspace_id, digest from outbound_key
		where outbound_id is null and touched_at < now() - trace_age order by touched_at limit portion for update skip locked) old
	where (k.workspace_id, k.digest) = (old.workspace_id, old.digest);
	get diagnostics n = row_count; total := total + n;
	delete from connect_link where expires_at < now() - interval '30 days';
	get diagnostics n = row_count;
	return total + n;
end $$;
grant update (touched_at) on outbound_key to replyd_rotation; -- no other way to lock a row that is to be deleted
grant execute on function housekeeping(interval) to replyd_rotation;
