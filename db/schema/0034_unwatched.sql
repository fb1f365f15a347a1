-- That an inbox is not watched any more is told, too, where nobody is there who could: by the gap that is open.
--
-- works-with: 23

alter table inbox_state drop constraint inbox_state_told_check,
	add constraint inbox_state_told_check check (told in ('', 'watched', 'unwatched', 'held', 'reauth_required', 'paused')) not valid;
create index inbox_state_unwatched on inbox_state (inbox_id) where told = 'unwatched';
grant select on inbox_state to replyd_rotation;
grant update (told) on inbox_state to replyd_rotation;

-- As before (0023), by what says how an inbox fares, and not by what was told of it.
create or replace trigger inbox_state_told before update of state, reason, since on inbox_state
	for each row when (inbox_fares(new.state, new.reason) is not null and inbox_fares(new.state, new.reason) <> new.told
		or new.state = 'backing_off' and is_limit(new.reason))
	execute function inbox_state_told();

-- inbox.state_changed, by a gap: the instant from which it holds is a part of the id, and told once.  False: it was.
create function gap_fare_tell(s inbox_state, fare text, why text, at timestamptz) returns boolean
	language plpgsql as $$
declare
	is_new boolean;
begin
	perform set_config('replyd.workspace', s.workspace_id::text, true);
	is_new := event_put(event_id_of(s.workspace_id::text, s.inbox_id::text, 'inbox.state_changed', fare, instant_text(at)),
		'inbox.state_changed', null, null, s.inbox_id, null, jsonb_build_object('inbox_id', s.inbox_id,
			'address', (select b.address from inbox b where b.workspace_id = s.workspace_id and b.inbox_id = s.inbox_id),
			'state', fare, 'was', s.told, 'reason', why, 'since', instant_text(at)));
	-- Of a gap that was told, and whose inbox has a worker again, there is nothing more to say until it is closed.
	update inbox_state t set told = fare
		where t.workspace_id = s.workspace_id and t.inbox_id = s.inbox_id and (is_new or fare = 'watched');
	perform set_config('replyd.workspace', '', true);
	return is_new;
end $$;

-- What was watched and is blind for so long, and what was told to be unwatched and sees again without having been away for its
-- worker; of each at most so many.  Returns how many were told.
create function gaps_told(age interval, most int) returns bigint
	language plpgsql as $$
declare
	x record; n bigint := 0;
begin
	for x in
		select s as state, g.blind_from, case when s.state = 'live' or s.reason = '' then g.cause else s.reason end as why
		from gap g
		join inbox_state s on s.workspace_id = g.workspace_id and s.inbox_id = g.inbox_id and s.told = 'watched'
		join inbox b on b.workspace_id = g.workspace_id and b.inbox_id = g.inbox_id and b.admin_state = 'enabled'
		where g.closed_at is null and g.opened_at < now() - age
		order by g.inbox_id limit most for update of s skip locked
	loop
		n := n + gap_fare_tell(x.state, 'unwatched', x.why, x.blind_from)::int;
	end loop;
	for x in
		select s as state, l.blind_to
		from inbox_state s cross join lateral (
			select max(g.blind_to) as blind_to, bool_or(g.closed_at is null) as is_blind from gap g
			where g.workspace_id = s.workspace_id and g.inbox_id = s.inbox_id) l
		where s.told = 'unwatched' and s.state = 'live' and not l.is_blind
		order by s.inbox_id limit most for update of s skip locked
	loop
		n := n + gap_fare_tell(x.state, 'watched', '', x.blind_to)::int;
	end loop;
	return n;
end $$;
grant execute on function gap_fare_tell(inbox_state, text, text, timestamptz), gaps_told(interval, int) to replyd_rotation;
