-- The command line shows how all of it fares: the sums that /metrics shows.
--
-- works-with: 23

grant select on metric, broker_tally, broker_alarm to replyd_admin;
grant execute on function metrics_now(), metrics_fleet(), metrics_broker() to replyd_admin;
