-- Master keys: which there are, who holds them, and how one takes the place of another.
--
-- No key stands here.  Every secret at rest is a box (base/vault.h) that says
-- under which master key of its group it was sealed; a process says which it
-- holds, and shows by a check value that it means the same key as the others.
--
--   grant    refresh tokens, app passwords   closed and opened by the broker
--   token    access tokens                   closed by the broker, opened by ingest
--   webhook  endpoint secrets                closed by the API, opened by dispatch
-- works-with: 10

create table master_key (
	key_group     text not null check (key_group in ('grant', 'token', 'webhook')),
	master_id     smallint not null check (master_id between 1 and 255),
	check_value   bytea not null check (octet_length(check_value) = 16), -- HMAC under the key
	-- held: opens; sealing: also closes what is new, one per group; retired: nothing may be written under it
	state         text not null default 'held' check (state in ('held', 'sealing', 'retired')),
	known_since   timestamptz not null default now(),
	sealing_since timestamptz,
	retired_at    timestamptz,
	primary key (key_group, master_id)
);
create unique index master_key_sealing on master_key (key_group) where state = 'sealing';

-- A process and the keys of a group that it has in memory; it says so every few seconds.
create table key_holder (
	instance  uuid not null,
	key_group text not null check (key_group in ('grant', 'token', 'webhook')),
	role      text not null,
	host      text not null,
	pid       int not null,
	holds     smallint[] not null,
	seals     smallint not null,               -- 0: it closes none
	seen_at   timestamptz not null default now(),
	primary key (instance, key_group)
);

-- One per group, kept when it is over.
--
--   joining   all living holders have yet to say that they hold the new key
--   sealing   the new key seals; what stands under others is sealed anew
--   proving   nothing did; the others are retired; transactions from before that are waited for
--   done
create table key_rotation (
	key_group  text primary key check (key_group in ('grant', 'token', 'webhook')),
	to_id      smallint not null check (to_id between 1 and 255),
	state      text not null default 'joining' check (state in ('joining', 'sealing', 'proving', 'done')),
	total      bigint,                         -- boxes under other keys when the work began; null: not yet
	moved      bigint not null default 0,      -- of them sealed anew
	unopened   bigint not null default 0,      -- in the last pass: those that do not open
	worked_by  uuid,                           -- the process that is at it
	worked_at  timestamptz not null default now(),
	retired_xid xid8,
	started_at timestamptz not null default now(),
	ended_at   timestamptz
);

-- They name no workspace; the wall is the group.
create procedure grouped(target regclass) language plpgsql as $$
begin
	execute format('alter table %s enable row level security', target);
	execute format('alter table %s force row level security', target);
	execute format('create policy group_broker on %s to replyd_broker using (key_group in (''grant'', ''token''))', target);
	execute format('create policy group_ingest on %s to replyd_ingest using (key_group = ''token'')', target);
	execute format('create policy group_webhook on %s to replyd_dispatch, replyd_api using (key_group = ''webhook'')', target);
	execute format('create policy group_admin on %s to replyd_admin using (true)', target);
end $$;
call grouped('master_key');
call grouped('key_holder');
call grouped('key_rotation');
grant select, insert, update, delete on master_key to replyd_broker, replyd_ingest, replyd_dispatch, replyd_api;
grant select, insert, update, delete on key_holder to replyd_broker, replyd_ingest, replyd_dispatch, replyd_api;
grant select, update on key_rotation to replyd_broker, replyd_ingest, replyd_dispatch, replyd_api;
grant select on master_key, key_holder to replyd_admin;
grant select, insert, update on key_rotation to replyd_admin;

-- The master key that a box names; null: it is no box.  The proof is in opening it.
create function box_key_id(box bytea) returns smallint
	language sql immutable strict parallel safe as $$
	select case when octet_length(box) < 30 then null
		when get_byte(box, 0) = 69 then get_byte(box, 2)  -- 'E' 'S' id
		when get_byte(box, 0) = 83 then get_byte(box, 1)  -- 'S' id
		end::smallint
$$;
grant execute on function box_key_id(bytea) to replyd_broker, replyd_dispatch, replyd_api;

-- A process that slept through a rotation writes nothing that will not open.
create function box_fence() returns trigger language plpgsql as $$
declare
	id smallint;
begin
	execute format('select ($1).%I', tg_argv[1]) into id using new;
	if exists (select from master_key where key_group = tg_argv[0] and master_id = id and state = 'retired') then
		raise exception 'sealed under key % of group %, which is retired', id, tg_argv[0] using errcode = 'RP002';
	end if;
	return null;
end $$;

-- A column of boxes: a number beside it says under which key each stands.  db/reseal.c has a row for each.
create procedure sealed_in(target regclass, box name, the_group text, number name default 'key_id') language plpgsql as $$
begin
	execute format('alter table %s add column %I smallint generated always as (box_key_id(%I)) stored', target, number, box);
	execute format('create trigger %I after insert or update of %I on %s for each row when (new.%I is not null)'
		' execute function box_fence(%L, %L)', 'box_fence_' || number, box, target, number, the_group, number);
end $$;
call sealed_in('inbox_grant', 'sealed', 'grant');
call sealed_in('access_token', 'sealed', 'token');
call sealed_in('endpoint', 'sealed_secret', 'webhook');

-- Counting what each key still holds needs no more than its number.
call opened_to('access_token', 'replyd_admin', 'the command line counts boxes by key');
call opened_to('endpoint', 'replyd_admin', 'the command line counts boxes by key');
grant select (key_id) on inbox_grant, access_token, endpoint to replyd_admin;
grant update (sealed_secret) on endpoint to replyd_dispatch;

-- Living: it said so a moment ago.
create function key_holders(the_group text) returns setof key_holder
	language sql stable as $$
	select * from key_holder where key_group = the_group and seen_at > now() - interval '20 seconds'
$$;
grant execute on function key_holders(text) to replyd_broker, replyd_ingest, replyd_dispatch, replyd_api, replyd_admin;

-- A process says what it holds and which key it closes boxes with (0: none yet; null: it closes none), and is told what
-- all the keys of its group are for.
create function key_join(the_instance uuid, the_role text, the_host text, the_pid int, the_group text, the_ids smallint[],
		the_checks bytea[], the_seals smallint)
	returns table (master_id smallint, state text, is_same boolean)
	language plpgsql as $$
begin
	if exists (select from unnest(the_ids) i where not exists (select from master_key m where m.key_group = the_group and m.master_id = i))
			or not exists (select from master_key m where m.key_group = the_group and m.state = 'sealing') then
		perform pg_advisory_xact_lock(hashtextextended('replyd.master_key', 0));
		-- A number that nobody living holds and nothing was ever sealed under was a mistake.
		delete from master_key m where m.key_group = the_group and m.state = 'held' and m.sealing_since is null
			and not exists (select from key_holders(the_group) h where m.master_id = any (h.holds));
		insert into master_key (key_group, master_id, check_value)
			select the_group, i, c from unnest(the_ids, the_checks) as t (i, c) on conflict do nothing;
		-- The first one to come says which key a new installation begins with.
		if not exists (select from master_key m where m.key_group = the_group and m.state = 'sealing') then
			update master_key m set state = 'sealing', sealing_since = now()
				where m.key_group = the_group and m.master_id = (select max(i) from unnest(the_ids) i);
		end if;
	end if;
	insert into key_holder (instance, key_group, role, host, pid, holds, seals)
		select the_instance, the_group, the_role, the_host, the_pid,
			coalesce(array_agg(m.master_id order by m.master_id), '{}'),
			-- one that has sealed nothing yet will begin with what it is told now
			case the_seals when 0 then (select s.master_id from master_key s where s.key_group = the_group and s.state = 'sealing')
				else coalesce(the_seals, 0::smallint) end
			from unnest(the_ids, the_checks) as t (i, c)
			join master_key m on m.key_group = the_group and m.master_id = t.i and m.check_value = t.c
		on conflict (instance, key_group) do update set holds = excluded.holds, seals = excluded.seals, seen_at = now();
	delete from key_holder h where h.key_group = the_group and h.seen_at < now() - interval '1 hour';
	perform key_rotation_step(the_group);
	return query select m.master_id, m.state, coalesce(m.check_value = t.c, true)
		from master_key m left join unnest(the_ids, the_checks) as t (i, c) on t.i = m.master_id
		where m.key_group = the_group order by m.master_id;
end $$;

-- The new key seals once every living holder has it.
create function key_rotation_step(the_group text) returns void language plpgsql as $$
declare
	r record;
begin
	if not exists (select from key_rotation k where k.key_group = the_group and k.state = 'joining') then
		return;
	end if;
	select * into r from key_rotation k where k.key_group = the_group and k.state = 'joining' for update skip locked;
	if not found or not exists (select from master_key m where m.key_group = the_group and m.master_id = r.to_id)
			or exists (select from key_holders(the_group) h where not r.to_id = any (h.holds)) then
		return;
	end if;
	update master_key m set state = 'held' where m.key_group = the_group and m.state = 'sealing' and m.master_id <> r.to_id;
	update master_key m set state = 'sealing', sealing_since = now()
		where m.key_group = the_group and m.master_id = r.to_id;
	update key_rotation k set state = 'sealing', total = null, worked_by = null, worked_at = now() where k.key_group = the_group;
end $$;

-- One process at a time seals anew; who was killed over it is followed after a few seconds.
create function reseal_begin(the_group text, the_instance uuid) returns smallint language plpgsql as $$
declare
	id smallint;
begin
	update key_rotation k set worked_by = the_instance, worked_at = clock_timestamp(),
			total = coalesce(k.total, reseal_stale(the_group, k.to_id))
		where k.key_group = the_group and k.state in ('sealing', 'proving')
		and (k.worked_by is null or k.worked_by = the_instance or k.worked_at < now() - interval '10 seconds')
		returning k.to_id into id;
	return id;
end $$;

-- What stands under another key than `the_id`, in the tables that the caller may read.
create function reseal_stale(the_group text, the_id smallint) returns bigint language plpgsql stable as $$
begin
	if the_group = 'grant' then
		return (select count(*) from inbox_grant where key_id <> the_id);
	elsif the_group = 'token' then
		return (select count(*) from access_token where key_id <> the_id);
	end if;
	return (select count(*) from endpoint where key_id <> the_id);
end $$;

-- A pass over all of them has ended.  Returns the state that the rotation is in now.
create function reseal_end(the_group text, the_unopened bigint) returns text language plpgsql as $$
declare
	r record; stale bigint; alone boolean;
begin
	select * into r from key_rotation k where k.key_group = the_group and k.state in ('sealing', 'proving') for update;
	if not found then
		return 'done';
	end if;
	-- Has whoever had not seen the retirement ended?  Asked before the counting: what they wrote is seen by it.
	alone := pg_snapshot_xmin(pg_current_snapshot()) > r.retired_xid;
	stale := reseal_stale(the_group, r.to_id);
	update key_rotation k set unopened = the_unopened where k.key_group = the_group;
	if stale > 0 then
		return r.state;
	end if;
	-- What was sealed a moment before its process heard of the new key may still be on its way here.
	if r.state = 'sealing' and not exists (select from key_holders(the_group) h where h.seals not in (0, r.to_id))
			and exists (select from master_key m where m.key_group = the_group and m.master_id = r.to_id
				and m.sealing_since < now() - interval '10 seconds') then
		update master_key m set state = 'retired', retired_at = now()
			where m.key_group = the_group and m.state = 'held' and m.master_id < r.to_id;
		update key_rotation k set state = 'proving', retired_xid = pg_current_xact_id() where k.key_group = the_group;
		return 'proving';
	end if;
	if r.state = 'proving' and alone then
		update key_rotation k set state = 'done', ended_at = now(), worked_by = null where k.key_group = the_group;
		return 'done';
	end if;
	return r.state;
end $$;

grant execute on function key_join(uuid, text, text, int, text, smallint[], bytea[], smallint), key_rotation_step(text)
	to replyd_broker, replyd_ingest, replyd_dispatch, replyd_api;
grant execute on function reseal_begin(text, uuid), reseal_stale(text, smallint), reseal_end(text, bigint)
	to replyd_broker, replyd_dispatch;
