-- The connect page: whoever opens a link chooses what its maker left open, and mends what went wrong without a new link.
-- Safe under the binary before: it makes no link that leaves both open, and never reads these columns.
-- works-with: 12

alter table connect_link
	add column picks_address  boolean not null default false, -- the mailbox was not named when the link was made
	add column picks_provider boolean not null default false; -- nor the provider: it is '' until the person set out

grant select (picks_address, picks_provider) on connect_link to replyd_api;
-- A link that failed is started anew by the same browser, until it expires: what the last attempt left is forgotten,
-- its inbox too, so that no state of that one settles the link any more.
grant update (provider, expected_address, imap_host, imap_port, imap_security, login_name, inbox_id, claim_id, claimed_at)
	on connect_link to replyd_api;
