-- How an endpoint fared lately, told from its own receipts alone.
--
-- works-with: 23

-- The newest of an endpoint, by what is counted of them.  Who posts meanwhile waits for the index to be made.
create index attempt_endpoint on attempt (workspace_id, endpoint_id, started_at) include (outcome, took_ms);

-- The last thousand attempts of 24 hours: how many, how many of them came through, and how long it took those.
create function endpoint_fared(the_endpoint uuid) returns jsonb
	language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
	return (select jsonb_build_object('attempts', count(*), 'delivered', count(*) filter (where t.outcome = 'delivered'),
			'took_ms', jsonb_build_object(
				'p50', percentile_disc(0.5) within group (order by t.took_ms) filter (where t.outcome = 'delivered'),
				'p95', percentile_disc(0.95) within group (order by t.took_ms) filter (where t.outcome = 'delivered')))
		from (select a.outcome, a.took_ms from attempt a
			where a.workspace_id = workspace_now() and a.endpoint_id = the_endpoint and a.started_at > now() - interval '24 hours'
			order by a.started_at desc limit 1000) t);
end $$;
grant execute on function endpoint_fared(uuid) to replyd_api;
