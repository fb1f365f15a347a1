#ifndef DB_DOMAIN_ADMIN_H
#define DB_DOMAIN_ADMIN_H

#include "db/view.h"

/*
 * Rights for whole domains as the API and the command line manage them: what they
 * bring is sealed to the broker, and what they see has no secrets.  Every answer is
 * one value of JSON:
 *
 *   {"id","provider","kind","tenant","client_id","check_address","state","reason","detail",
 *    "secret_ends_at": instant|null, "secret": "checking"|"accepted"|"refused"|"none",
 * "problem","problem_detail", "inboxes": {<state>: <how many>}, "created_at","updated_at"}
 */
struct domain_admin_new {
	const char *workspace, *id; /* uuid */
	const char *provider, *kind, *tenant, *client_id, *check_address;
	const void *sealed; /* to the broker: purpose "domain", subject the id */
	size_t sealed_len;
	int64_t secret_ends_s; /* unix; 0: nobody said */
};
/* Not found: there is one for this provider, tenant and client already. */
int domain_admin_add_start(struct pg *pg, struct view *v, const struct domain_admin_new *n,
			   view_cb done);
/* Another secret for one that is there; `check_address` and `client_id` "": as they are. */
int domain_admin_renew_start(struct pg *pg, struct view *v, const struct domain_admin_new *n,
			     view_cb done);
/* Its secrets are destroyed at once; its inboxes wait for another right. */
int domain_admin_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			      view_cb done);
int domain_admin_list_start(struct pg *pg, struct view *v, const char *workspace, view_cb done);
int domain_admin_show_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			    view_cb done);
/*
 * addresses: JSON array of good ones; places: JSON, {provider: {host, port, security}}.
 * [{"item","result","connect_link_id","inbox_id"}]; not found: there is no such domain.
 */
int domain_admin_import_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			      const char *addresses, const char *places, view_cb done);

/* The same statements for the command line, in a session that has named its workspace: text
 * parameters, bytes as "\x..." */
extern const char
	domain_admin_sql_add[]; /* id, provider, kind, tenant, client, check, sealed, ends */
extern const char domain_admin_sql_renew[];  /* id, sealed, check, client, ends */
extern const char domain_admin_sql_remove[]; /* id */
extern const char domain_admin_sql_list[];
extern const char domain_admin_sql_show[];   /* id */
extern const char domain_admin_sql_import[]; /* id, addresses, places */
/* Which of these links are over: $1 a JSON array of ids; (place in it, state, problem, detail,
 * inbox) */
extern const char domain_admin_sql_settled[];

#endif
