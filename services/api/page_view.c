#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "services/api/client.h"
#include "services/api/html.h"
#include "services/api/page_inside.h"
#include "services/words/howto.h"

#define BODY_MAX (48 * 1024)

/* What the provider is called: on its own buttons, in the table, in the configuration. */
const char *page_view_brand(const char *provider)
{
	const struct howto *h = howto_of(text_of(provider));
	const struct provider_row *row = provider_find(text_of(provider));

	if (h->brand)
		return h->brand;
	if (strncmp(provider, "microsoft", 9) == 0)
		return "Microsoft";
	return strcmp(row->name, provider) == 0 && strcmp(provider, "generic") != 0 ? row->title
										    : provider;
}

/* ---- forms ---- */

void page_view_open_form(struct buf *b, const struct page *p, const char *action)
{
	text_add(b, TEXT("<form method=\"post\" action=\""));
	html_add(b, text_of(p->path));
	text_addf(b, "/%s\">\n<input type=\"hidden\" name=\"form\" value=\"%s\">\n", action,
		  p->token);
}

void page_view_hidden(struct buf *b, const char *name, const char *value)
{
	text_addf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	html_add(b, text_of(value));
	text_add(b, TEXT("\">\n"));
}

void page_view_close_form(struct buf *b, const struct page *p, const char *class,
			  enum page_words label, const char *name)
{
	text_addf(b, "<button type=\"submit\"%s>", class);
	html_say(b, p->lang, label, name);
	text_add(b, TEXT("</button>\n</form>\n"));
}

static bool is_wrong(const struct page *p, const char *field)
{
	return p->wrong_field && strcmp(p->wrong_field, field) == 0;
}

/* A field with its label, its hint, and what is wrong with it. */
struct field {
	const char *name, *more; /* attributes: type and what helps to fill it in */
	enum page_words label, hint;
	bool has_hint;
	const char *value; /* NULL: never shown again */
};

static void describe(struct buf *b, const struct page *p, const struct field *f)
{
	bool wrong = is_wrong(p, f->name);

	if (!wrong && !f->has_hint)
		return;
	text_addf(b, " aria-describedby=\"%s", wrong ? "wrong" : "");
	if (f->has_hint)
		text_addf(b, "%s%s-hint", wrong ? " " : "", f->name);
	text_add(b, TEXT("\""));
}

static void field(struct buf *b, const struct page *p, const struct field *f)
{
	text_addf(b, "<label for=\"%s\">", f->name);
	html_say(b, p->lang, f->label, NULL);
	text_addf(b, "</label>\n<input id=\"%s\" name=\"%s\" %s", f->name, f->name, f->more);
	if (is_wrong(p, f->name))
		text_add(b, TEXT(" aria-invalid=\"true\" autofocus"));
	describe(b, p, f);
	if (f->value && *f->value) {
		text_add(b, TEXT(" value=\""));
		html_add(b, text_of(f->value));
		text_add(b, TEXT("\""));
	}
	text_add(b, TEXT(">\n"));
	if (f->has_hint) {
		text_addf(b, "<span class=\"hint\" id=\"%s-hint\">", f->name);
		html_say(b, p->lang, f->hint, NULL);
		text_add(b, TEXT("</span>\n"));
	}
}

static void fault(struct buf *b, const struct page *p)
{
	if (!p->wrong_field)
		return;
	text_add(b, TEXT("<div class=\"fault\" role=\"alert\"><p id=\"wrong\">"));
	html_say(b, p->lang, p->wrong, NULL);
	text_add(b, TEXT("</p></div>\n"));
}

static void address_field(struct buf *b, const struct page *p)
{
	field(b, p,
	      &(struct field){
		      .name = "address",
		      .more = "type=\"email\" autocomplete=\"email\" autocapitalize=\"none\" "
			      "spellcheck=\"false\" maxlength=\"320\" required",
		      .label = PAGE_LABEL_ADDRESS,
		      .value = p->form.address[0] ? p->form.address : p->address,
	      });
}

static void password_field(struct buf *b, const struct page *p, enum page_words label)
{
	field(b, p,
	      &(struct field){
		      .name = "password",
		      .more = "type=\"password\" autocomplete=\"off\" autocapitalize=\"none\" "
			      "spellcheck=\"false\" maxlength=\"1024\" required",
		      .label = label,
		      .hint = PAGE_SEALED,
		      .has_hint = true,
	      });
}

static void login_field(struct buf *b, const struct page *p, bool is_needed)
{
	field(b, p,
	      &(struct field){
		      .name = "login",
		      .more = is_needed ? "type=\"text\" autocomplete=\"off\" "
					  "autocapitalize=\"none\" spellcheck=\"false\" "
					  "maxlength=\"320\" required"
					: "type=\"text\" autocomplete=\"off\" "
					  "autocapitalize=\"none\" spellcheck=\"false\" "
					  "maxlength=\"320\"",
		      .label = is_needed ? PAGE_LABEL_LOGIN : PAGE_LABEL_LOGIN_OPTIONAL,
		      .hint = is_needed ? PAGE_HINT_LOGIN_NEEDED : PAGE_HINT_LOGIN,
		      .has_hint = true,
		      .value = p->form.server.login,
	      });
}

/* ---- what may be done instead ---- */

static void way(struct buf *b, const struct page *p, const char *name, enum page_words label)
{
	text_add(b, TEXT("<li><a href=\""));
	html_add(b, text_of(p->path));
	text_addf(b, "?way=%s\">", name);
	html_say(b, p->lang, label, NULL);
	text_add(b, TEXT("</a></li>\n"));
}

/* A page of its own: what is typed on this one may not end at another site. */
static void sign_in(struct buf *b, const struct page *p, const char *provider)
{
	text_add(b, TEXT("<li><a href=\""));
	html_add(b, text_of(p->path));
	text_add(b, TEXT("?way=oauth&amp;provider="));
	html_add(b, text_of(provider));
	text_add(b, TEXT("\">"));
	html_say(b, p->lang, PAGE_USE_SIGN_IN, page_view_brand(provider));
	text_add(b, TEXT("</a></li>\n"));
}

void page_view_other_ways(struct request *q, struct buf *b)
{
	const struct page *p = q->own;
	const char *provider = p->row ? p->row->name : p->provider;
	/* where the server is typed, the providers stand in a list of their own */
	bool oauth = p->way != PAGE_WAY_OAUTH && page_has_oauth(q, provider) &&
		     !(p->way == PAGE_WAY_SERVER && p->picks_provider);
	bool password =
		p->way == PAGE_WAY_OAUTH && p->row && (p->row->auth & PROVIDER_AUTH_PASSWORD);
	bool server = p->way != PAGE_WAY_SERVER && p->picks_provider && !oauth &&
		      p->way != PAGE_WAY_OAUTH;

	if (!oauth && !password && !server && !p->picks_address)
		return;
	html_put(b, p->lang, "h2", PAGE_OTHER_WAYS, NULL);
	text_add(b, TEXT("<ul class=\"ways\">\n"));
	if (oauth)
		sign_in(b, p, provider);
	if (password)
		way(b, p, "password", PAGE_USE_PASSWORD);
	if (server)
		way(b, p, "server", PAGE_USE_SERVER);
	if (p->picks_address && p->address[0])
		way(b, p, "address", PAGE_USE_ADDRESS);
	text_add(b, TEXT("</ul>\n"));
}

static void promise(struct buf *b, const struct page *p, const char *class, enum page_words title,
		    const enum page_words *rows, size_t n)
{
	text_addf(b, "<div class=\"%s\">\n", class);
	html_put(b, p->lang, "h3", title, NULL);
	text_add(b, TEXT("<ul>\n"));
	for (size_t i = 0; i < n; i++)
		html_put(b, p->lang, "li", rows[i], NULL);
	text_add(b, TEXT("</ul>\n</div>\n"));
}

static void promises(struct buf *b, const struct page *p)
{
	static const enum page_words will[] = { PAGE_WILL_READ, PAGE_WILL_STOP, PAGE_WILL_SEND },
				     never[] = { PAGE_NEVER_TOUCH, PAGE_NEVER_KEEP,
						 PAGE_NEVER_SEND };

	text_add(b, TEXT("<section class=\"promises\" aria-labelledby=\"promises\">\n"));
	html_put(b, p->lang, "h2 id=\"promises\"", PAGE_PROMISES, NULL);
	text_add(b, TEXT("<div class=\"both\">\n"));
	promise(b, p, "will", PAGE_WILL, will, countof(will));
	promise(b, p, "never", PAGE_WILL_NOT, never, countof(never));
	text_add(b, TEXT("</div>\n"));
	html_put(b, p->lang, "p class=\"hint\"", PAGE_PROMISE_END, NULL);
	text_add(b, TEXT("</section>\n"));
}

/* ---- the ways ---- */

static void view_address(struct buf *b, const struct page *p)
{
	html_put(b, p->lang, "p class=\"lead\"", PAGE_LEAD_ADDRESS, NULL);
	fault(b, p);
	page_view_open_form(b, p, "address");
	address_field(b, p);
	page_view_close_form(b, p, "", PAGE_CONTINUE, NULL);
}

static void view_oauth(struct request *q, struct buf *b, char origin[WEBURL_ORIGIN])
{
	const struct page *p = q->own;
	const char *provider = p->row ? p->row->name : p->provider;
	const struct oauth_provider *client = client_find(q->api, provider);

	page_guard_origin(client ? client->authorize_url : "", origin);
	html_put(b, p->lang, "p class=\"lead\"", PAGE_LEAD_OAUTH, page_view_brand(provider));
	page_view_open_form(b, p, "start");
	page_view_hidden(b, "provider", provider);
	page_view_close_form(b, p, "", PAGE_CONTINUE_WITH, page_view_brand(provider));
}

static void instructions(struct buf *b, const struct page *p)
{
	const struct howto *h = howto_of(text_of(p->row ? p->row->name : ""));
	const char *list = h->brand ? "ol" : "ul"; /* steps, or cases */

	if (h->brand)
		html_put(b, p->lang, "p class=\"lead\"", PAGE_LEAD_PASSWORD, h->brand);
	else
		html_put(b, p->lang, "p class=\"lead\"", PAGE_LEAD_ANY_PASSWORD, NULL);
	text_addf(b, "<%s>\n", list);
	for (size_t i = 0; h->steps[p->lang][i]; i++) {
		text_add(b, TEXT("<li>"));
		html_add(b, text_of(h->steps[p->lang][i]));
		text_add(b, TEXT("</li>\n"));
	}
	text_addf(b, "</%s>\n", list);
	if (!h->url)
		return;
	text_add(b, TEXT("<p><a href=\""));
	html_add(b, text_of(h->url));
	text_add(b, TEXT("\" target=\"_blank\" rel=\"noopener noreferrer\">"));
	html_say(b, p->lang, PAGE_OPEN_HOWTO, h->brand);
	text_add(b, TEXT("</a> <small>("));
	html_say(b, p->lang, PAGE_NEW_TAB, NULL);
	text_add(b, TEXT(")</small></p>\n"));
}

static void view_password(struct buf *b, const struct page *p)
{
	bool needs_login = p->address[0] && p->row && !p->found.login[0];
	const struct howto *h = howto_of(text_of(p->row ? p->row->name : ""));

	instructions(b, p);
	fault(b, p);
	page_view_open_form(b, p, "password");
	if (!p->address[0])
		address_field(b, p);
	if (needs_login || is_wrong(p, "login"))
		login_field(b, p, true);
	password_field(b, p, h->brand ? PAGE_LABEL_APP_PASSWORD : PAGE_LABEL_PASSWORD);
	page_view_close_form(b, p, "", PAGE_CONNECT, NULL);
}

static void security_field(struct buf *b, const struct page *p, const char *chosen)
{
	bool starttls = strcmp(chosen, "starttls") == 0;

	text_add(b, TEXT("<fieldset>\n<legend>"));
	html_say(b, p->lang, PAGE_LABEL_SECURITY, NULL);
	text_addf(b,
		  "</legend>\n<div class=\"choice\"><input type=\"radio\" id=\"tls\" "
		  "name=\"security\" value=\"tls\"%s><label for=\"tls\">",
		  starttls ? "" : " checked");
	html_say(b, p->lang, PAGE_SECURITY_TLS, NULL);
	text_addf(b,
		  "</label></div>\n<div class=\"choice\"><input type=\"radio\" id=\"starttls\" "
		  "name=\"security\" value=\"starttls\"%s><label for=\"starttls\">",
		  starttls ? " checked" : "");
	html_say(b, p->lang, PAGE_SECURITY_STARTTLS, NULL);
	text_add(b, TEXT("</label></div>\n</fieldset>\n"));
}

/* Providers that a mailbox may be at although its domain does not tell: behind a filter, say. */
static void providers(struct request *q, struct buf *b)
{
	const struct page *p = q->own;
	bool any = false;

	for (size_t i = 0; i < q->api->n_providers; i++) {
		const char *name = q->api->providers[i].name;

		if (!page_has_oauth(q, name))
			continue;
		if (!any)
			html_put(b, p->lang, "h2", PAGE_IT_IS_AT, NULL);
		text_add(b, any ? TEXT("") : TEXT("<ul class=\"ways\">\n"));
		any = true;
		sign_in(b, p, name);
	}
	text_add(b, any ? TEXT("</ul>\n") : TEXT(""));
}

static void view_server(struct request *q, struct buf *b)
{
	const struct page *p = q->own;
	const struct page_server *s = p->form.by_hand ? &p->form.server
				      : p->tried.port ? &p->tried
						      : &p->found;
	char port[8] = "";

	if (s->port)
		(void)snprintf(port, sizeof(port), "%u", s->port);
	html_put(b, p->lang, "p class=\"lead\"",
		 p->row ? PAGE_LEAD_SERVER_BY_HAND : PAGE_LEAD_SERVER, NULL);
	fault(b, p);
	page_view_open_form(b, p, "password");
	if (!p->address[0])
		address_field(b, p);
	field(b, p,
	      &(struct field){
		      .name = "host",
		      .more = "type=\"text\" autocomplete=\"off\" autocapitalize=\"none\" "
			      "spellcheck=\"false\" maxlength=\"253\" "
			      "placeholder=\"imap.example.com\" required",
		      .label = PAGE_LABEL_HOST,
		      .value = s->host,
	      });
	security_field(b, p, s->security);
	field(b, p,
	      &(struct field){
		      .name = "port",
		      .more = "type=\"text\" class=\"port\" inputmode=\"numeric\" "
			      "autocomplete=\"off\" maxlength=\"5\"",
		      .label = PAGE_LABEL_PORT,
		      .value = p->form.by_hand ? p->form.port : port,
	      });
	login_field(b, p, false);
	password_field(b, p, PAGE_LABEL_PASSWORD);
	page_view_close_form(b, p, "", PAGE_CONNECT, NULL);
	if (p->picks_provider)
		providers(q, b);
}

static const char *way_name(enum page_way w)
{
	switch (w) {
	case PAGE_WAY_ADDRESS:
		return "?way=address";
	case PAGE_WAY_OAUTH:
		return "?way=oauth";
	case PAGE_WAY_PASSWORD:
		return "?way=password";
	case PAGE_WAY_SERVER:
		return "?way=server";
	case PAGE_WAY_ANY:
		break;
	}
	return "";
}

void page_view_way(struct request *q, int status)
{
	const struct page *p = q->own;
	char title[FIELD_ADDRESS + 64], path[LINK_TOKEN + 64], origin[WEBURL_ORIGIN] = "";
	const char *words;
	bool named = p->address[0] && p->way != PAGE_WAY_ADDRESS;
	struct html_page h = { .lang = p->lang, .title = title, .path = path };
	struct buf b;

	words = page_words(p->lang, named ? PAGE_TITLE_OF : PAGE_TITLE);
	(void)snprintf(title, sizeof(title), "%.*s%s%.32s", (int)strcspn(words, "%"), words,
		       named ? p->address : "", named ? strchr(words, '%') + 2 : "");
	(void)snprintf(path, sizeof(path), "%s%s", p->path, way_name(p->way));
	buf_init(&b, BODY_MAX);
	switch (p->way) {
	case PAGE_WAY_ANY:
	case PAGE_WAY_ADDRESS:
		view_address(&b, p);
		break;
	case PAGE_WAY_OAUTH:
		view_oauth(q, &b, origin);
		break;
	case PAGE_WAY_PASSWORD:
		view_password(&b, p);
		break;
	case PAGE_WAY_SERVER:
		view_server(q, &b);
		break;
	}
	if (p->way != PAGE_WAY_ADDRESS)
		page_view_other_ways(q, &b);
	promises(&b, p);
	h.leads_to = p->way == PAGE_WAY_OAUTH ? origin : NULL;
	page_guard_cookies(q);
	html_answer(q, status, &h, &b);
	buf_clear(&b);
}
