-- The API's face: answers that are given again.
--
-- works-with: 23

-- A POST with an Idempotency-Key, and how it was answered.  Everything in it that a caller chose or was told is under keys made of his API key, which is
-- stored nowhere: the row can be found and opened with that alone.
create table kept_answer (
	workspace_id uuid not null references workspace,
	api_key_id   uuid not null,
	key_digest   bytea not null check (octet_length(key_digest) = 32),  -- of the Idempotency-Key
	fingerprint  bytea not null check (octet_length(fingerprint) = 32), -- of method, path and body
	request_id   uuid not null,
	made_at      timestamptz not null default now(),
	status       int,                                                   -- null: it is under way, or its process ended over it
	sealed       bytea,                                                 -- the body of the answer
	primary key (workspace_id, api_key_id, key_digest),
	check ((status is null) = (sealed is null))
);
create index kept_answer_age on kept_answer (made_at);
call walled('kept_answer');
call opened_to('kept_answer', 'replyd_rotation', 'what is older than a day goes, in every workspace');
grant select, insert, update, delete on kept_answer to replyd_api;
grant select, delete on kept_answer to replyd_rotation;

-- May this request be carried out?  new: yes, and it is noted; kept: it was, with this answer; other: the key was used for another request; busy: it is under
-- way; lost: it was begun a while ago and nobody knows how it ended.
create function answer_begin(the_key uuid, the_digest bytea, the_print bytea, the_request uuid, keeps interval, gives_up interval)
	returns table (said text, status int, sealed bytea) language plpgsql as $$
declare
	k kept_answer;
begin
	delete from kept_answer a where a.workspace_id = workspace_now() and a.api_key_id = the_key and a.key_digest = the_digest
		and a.made_at < now() - keeps;
	insert into kept_answer (workspace_id, api_key_id, key_digest, fingerprint, request_id)
		values (workspace_now(), the_key, the_digest, the_print, the_request) on conflict do nothing;
	if found then
		return query select 'new', null::int, null::bytea;
		return;
	end if;
	select * into k from kept_answer a where a.workspace_id = workspace_now() and a.api_key_id = the_key and a.key_digest = the_digest;
	return query select case when k.fingerprint is null then 'busy' -- it went this moment
			when k.fingerprint <> the_print then 'other' when k.status is not null then 'kept'
			when k.made_at < now() - gives_up then 'lost' else 'busy' end, k.status, k.sealed;
end $$;
grant execute on function answer_begin(uuid, bytea, bytea, uuid, interval, interval) to replyd_api;
