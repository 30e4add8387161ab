/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Banned parts.
 *
 * That a rule holds for a part does not depend on the leaf that is being judged.  So for every part
 * the first rule that holds for the part itself is found once, and the rule that decides a leaf is
 * the smallest number on its way to the root.  Parents stand before their children in a report: one
 * pass is enough, and a deep tree costs no more than a flat one.
 *
 * Names are hostile.  Globs are matched without recursion; regular expressions run with a match
 * limit, and a name on which the limit strikes is taken for one that a denying rule denies. */

#include <config.h>

#include "policy/banned.h"

#include <string.h>

/* steps of the regular expression engine for one name */
#define BANNED_MATCH_LIMIT "(*LIMIT_MATCH=100000)"
#define BANNED_NO_RULE G_MAXUINT
#define BANNED_UNDECIPHERABLE (AM_PART_UNDECODED | AM_PART_ENCRYPTED)

typedef struct {
	gboolean is_allow;
	gboolean undecipherable;
	GPtrArray *names;   /* case-folded globs; NULL: condition not given */
	GPtrArray *regexes; /* GRegex */
	GPtrArray *types;   /* lower case globs; short types with their dot */
	GPtrArray *declared;
	GPtrArray *extensions; /* case-folded globs "*.exe" */
	GPtrArray *findings;   /* case-folded globs "kind" and "kind/name" */
	char *label;
} BannedRule;

struct _AmBannedRules {
	GPtrArray *rules;
	gboolean wants_findings; /* a rule asks for them */
};

/* Findings of each part: chains through the report's array. */
typedef struct {
	gint32 *first; /* by part, -1 none */
	gint32 *next;  /* by finding, -1 the last */
} BannedFindings;

/* Readings of a part's names, made when the first rule asks. */
typedef struct {
	const AmReportPart *part;
	GPtrArray
		*names; /* as reported, without the blanks and dots that Windows drops at the end */
	GPtrArray *folded; /* the same, case-folded */
	const AmReport *report;
	gint32 finding; /* first of the part, -1 none */
	const gint32 *next;
} BannedNode;

static void
banned_rule_free(gpointer data)
{
	BannedRule *rule = data;
	g_clear_pointer(&rule->names, g_ptr_array_unref);
	g_clear_pointer(&rule->regexes, g_ptr_array_unref);
	g_clear_pointer(&rule->types, g_ptr_array_unref);
	g_clear_pointer(&rule->declared, g_ptr_array_unref);
	g_clear_pointer(&rule->extensions, g_ptr_array_unref);
	g_clear_pointer(&rule->findings, g_ptr_array_unref);
	g_free(rule->label);
	g_free(rule);
}

AmBannedRules *
am_banned_rules_new(void)
{
	AmBannedRules *rules = g_new0(AmBannedRules, 1);
	rules->rules = g_ptr_array_new_with_free_func(banned_rule_free);
	return rules;
}

void
am_banned_rules_free(AmBannedRules *rules)
{
	if (rules == NULL)
		return;
	g_ptr_array_unref(rules->rules);
	g_free(rules);
}

guint
am_banned_rules_count(const AmBannedRules *rules)
{
	return rules->rules->len;
}

static GPtrArray *
banned_fold_list(const char *const *list)
{
	if (list == NULL)
		return NULL;
	GPtrArray *folded = g_ptr_array_new_with_free_func(g_free);
	for (; *list != NULL; list++)
		g_ptr_array_add(folded, g_utf8_casefold(*list, -1));
	return folded;
}

static GPtrArray *
banned_fold_extensions(const char *const *list)
{
	GPtrArray *folded = banned_fold_list(list);
	for (guint i = 0; folded != NULL && i < folded->len; i++) {
		char *extension = folded->pdata[i];
		folded->pdata[i] = g_strconcat(*extension == '.' ? "*" : "*.", extension, NULL);
		g_free(extension);
	}
	return folded;
}

static gboolean
banned_check_types(const char *const *types, gboolean may_be_short, GError **error)
{
	for (; types != NULL && *types != NULL; types++) {
		gboolean is_short = **types == '.' && (*types)[1] != '\0' && may_be_short;
		if (is_short || strchr(*types, '/') != NULL || strcmp(*types, "*") == 0)
			continue;
		g_set_error(error, AM_ERROR, AM_ERROR_DATA,
			    "\"%s\" is no type: write %s\"type/subtype\"", *types,
			    may_be_short ? "\".short\" or " : "");
		return FALSE;
	}
	return TRUE;
}

static gboolean
banned_compile(BannedRule *rule, const char *const *regexes, GError **error)
{
	if (regexes == NULL)
		return TRUE;
	rule->regexes = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
	for (; *regexes != NULL; regexes++) {
		g_autofree char *limited = g_strconcat(BANNED_MATCH_LIMIT, *regexes, NULL);
		g_autoptr(GError) local = NULL;
		/* a line break in a name must not hide what follows it */
		GRegex *regex = g_regex_new(limited,
					    G_REGEX_CASELESS | G_REGEX_DOTALL |
						    G_REGEX_DOLLAR_ENDONLY | G_REGEX_OPTIMIZE,
					    0, &local);
		if (regex == NULL) {
			g_set_error(error, AM_ERROR, AM_ERROR_DATA, "regex \"%s\": %s", *regexes,
				    local->message);
			return FALSE;
		}
		g_ptr_array_add(rule->regexes, regex);
	}
	return TRUE;
}

static char *
banned_make_label(const AmBannedSpec *spec)
{
	const struct {
		const char *key;
		const char *const *list;
	} lists[] = {
		{ "name", spec->names },
		{ "regex", spec->regexes },
		{ "type", spec->types },
		{ "declared", spec->declared },
		{ "extension", spec->extensions },
		{ "finding", spec->findings },
	};
	if (spec->label != NULL)
		return g_strdup(spec->label);
	GString *label = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
		if (lists[i].list != NULL && lists[i].list[0] != NULL)
			g_string_append_printf(label, "%s%s %s%s", label->len > 0 ? ", " : "",
					       lists[i].key, lists[i].list[0],
					       lists[i].list[1] != NULL ? " ..." : "");
	if (spec->undecipherable)
		g_string_append_printf(label, "%sundecipherable", label->len > 0 ? ", " : "");
	return g_string_free(label, FALSE);
}

gboolean
am_banned_rules_add(AmBannedRules *rules, const AmBannedSpec *spec, GError **error)
{
	gboolean is_empty = spec->names == NULL && spec->regexes == NULL && spec->types == NULL &&
			    spec->declared == NULL && spec->extensions == NULL &&
			    spec->findings == NULL && !spec->undecipherable;
	if (is_empty || rules->rules->len >= AM_BANNED_MAX_RULES) {
		g_set_error(
			error, AM_ERROR, AM_ERROR_DATA, "%s",
			is_empty ? "a rule needs one of name, extension, regex, type, declared, "
				   "finding, undecipherable"
				 : "too many rules");
		return FALSE;
	}
	if (!banned_check_types(spec->types, TRUE, error) ||
	    !banned_check_types(spec->declared, FALSE, error))
		return FALSE;
	BannedRule *rule = g_new0(BannedRule, 1);
	if (!banned_compile(rule, spec->regexes, error)) {
		banned_rule_free(rule);
		return FALSE;
	}
	rule->is_allow = spec->is_allow;
	rule->undecipherable = spec->undecipherable;
	rule->names = banned_fold_list(spec->names);
	rule->types = banned_fold_list(spec->types);
	rule->declared = banned_fold_list(spec->declared);
	rule->extensions = banned_fold_extensions(spec->extensions);
	rule->findings = banned_fold_list(spec->findings);
	rules->wants_findings = rules->wants_findings || rule->findings != NULL;
	rule->label = banned_make_label(spec);
	g_ptr_array_add(rules->rules, rule);
	return TRUE;
}

AmBannedRules *
am_banned_rules_new_default(void)
{
	static const char *const executable[] = { ".exe-ms", NULL };
	static const char *const class_id[] = { "\\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\}?$",
						NULL };
	static const char *const double_extension[] = {
		"\\.[^./]*[a-z][^./]*\\.\\s*(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)$", NULL
	};
	static const char *const types[] = { "application/x-msdownload",
					     "application/x-msdos-program", "application/hta",
					     NULL };
	static const char *const extension[] = { "\\.(exe|vbs|pif|scr|bat|cmd|com|cpl)$", NULL };
	static const char *const partial[] = { "message/partial", NULL };
	static const AmBannedSpec specs[] = {
		{ .declared = partial, .label = "mail in pieces" },
		{ .types = executable, .label = "executable" },
		{ .regexes = class_id, .label = "class id in name" },
		{ .regexes = double_extension, .label = "double extension" },
		{ .declared = types, .label = "declared as program" },
		{ .types = types, .label = "program" },
		{ .regexes = extension, .label = "extension of a program" },
	};
	AmBannedRules *rules = am_banned_rules_new();
	for (gsize i = 0; i < G_N_ELEMENTS(specs); i++) {
		g_autoptr(GError) error = NULL;
		if (!am_banned_rules_add(rules, &specs[i], &error))
			g_error("default banned rules: %s", error->message);
	}
	return rules;
}

gboolean
am_banned_glob(const char *glob, const char *text)
{
	const char *star = NULL, *resume = NULL;
	while (*text != '\0') {
		if (*glob == '*') {
			star = ++glob;
			resume = text;
		} else if (*glob == '?') {
			glob++;
			text = g_utf8_next_char(text);
		} else if (*glob == *text) {
			glob++;
			text++;
		} else if (star != NULL) {
			glob = star;
			text = ++resume;
		} else {
			return FALSE;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static void
banned_node_add_name(BannedNode *node, const char *name)
{
	gsize len = strlen(name);
	while (len > 0 && strchr(". \t\r\n", name[len - 1]) != NULL)
		len--;
	if (len == 0)
		return;
	g_ptr_array_add(node->names, g_strndup(name, len));
	g_ptr_array_add(node->folded, g_utf8_casefold(name, (gssize)len));
}

static void
banned_node_read_names(BannedNode *node)
{
	if (node->names != NULL)
		return;
	node->names = g_ptr_array_new_with_free_func(g_free);
	node->folded = g_ptr_array_new_with_free_func(g_free);
	if (node->part->name != NULL)
		banned_node_add_name(node, node->part->name);
	for (char **name = node->part->names; name != NULL && *name != NULL; name++)
		if (g_strcmp0(*name, node->part->name) != 0)
			banned_node_add_name(node, *name);
	if ((node->part->flags & BANNED_UNDECIPHERABLE) != 0) /* as rules of Amavis have it */
		banned_node_add_name(node, "UNDECIPHERABLE");
}

static void
banned_node_clear(BannedNode *node)
{
	g_clear_pointer(&node->names, g_ptr_array_unref);
	g_clear_pointer(&node->folded, g_ptr_array_unref);
}

static gboolean
banned_glob_any(GPtrArray *globs, const char *text)
{
	for (guint i = 0; i < globs->len; i++)
		if (am_banned_glob(globs->pdata[i], text))
			return TRUE;
	return FALSE;
}

static gboolean
banned_names_match(GPtrArray *globs, BannedNode *node)
{
	banned_node_read_names(node);
	for (guint i = 0; i < node->folded->len; i++) {
		const char *name = node->folded->pdata[i];
		const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
		const char *base = MAX(slash, backslash);
		if (banned_glob_any(globs, name) ||
		    (base != NULL && banned_glob_any(globs, base + 1)))
			return TRUE;
	}
	return FALSE;
}

static gboolean
banned_regexes_match(const BannedRule *rule, BannedNode *node)
{
	banned_node_read_names(node);
	for (guint i = 0; i < node->names->len; i++) {
		for (guint j = 0; j < rule->regexes->len; j++) {
			g_autoptr(GError) error = NULL;
			if (g_regex_match_full(rule->regexes->pdata[j], node->names->pdata[i], -1,
					       0, 0, NULL, &error))
				return TRUE;
			/* who made a name that cannot be judged gets no benefit from it */
			if (error != NULL && !rule->is_allow)
				return TRUE;
		}
	}
	return FALSE;
}

static gboolean
banned_findings_match(GPtrArray *globs, const BannedNode *node)
{
	for (gint32 i = node->finding; i >= 0; i = node->next[i]) {
		const AmFinding *finding = node->report->findings->pdata[i];
		g_autofree char *kind = g_utf8_casefold(finding->kind, -1);
		g_autofree char *name = g_utf8_casefold(finding->name, -1);
		g_autofree char *both = g_strdup_printf("%s/%s", kind, name);
		if (banned_glob_any(globs, kind) || banned_glob_any(globs, both))
			return TRUE;
	}
	return FALSE;
}

/* short_types: "exe-ms,exe", also "Z"; a pattern for it starts with a dot. */
static gboolean
banned_short_match(const char *pattern, const char *short_types)
{
	char type[64] = ".";
	while (*short_types != '\0') {
		gsize len = strcspn(short_types, ",");
		if (len > 0 && len + 1 < sizeof type) {
			for (gsize i = 0; i < len; i++)
				type[i + 1] = g_ascii_tolower(short_types[i]);
			type[len + 1] = '\0';
			if (am_banned_glob(pattern, type))
				return TRUE;
		}
		short_types += len + (short_types[len] == ',');
	}
	return FALSE;
}

static gboolean
banned_types_match(GPtrArray *patterns, const char *type, const char *short_types)
{
	for (guint i = 0; i < patterns->len; i++) {
		const char *pattern = patterns->pdata[i];
		if (*pattern == '.' ? banned_short_match(pattern, short_types)
				    : *type != '\0' && am_banned_glob(pattern, type))
			return TRUE;
	}
	return FALSE;
}

static gboolean
banned_rule_holds(const BannedRule *rule, BannedNode *node)
{
	const AmReportPart *part = node->part;
	if (rule->undecipherable && (part->flags & BANNED_UNDECIPHERABLE) == 0)
		return FALSE;
	if (rule->findings != NULL && !banned_findings_match(rule->findings, node))
		return FALSE;
	if (rule->types != NULL && !banned_types_match(rule->types, part->type, part->short_type))
		return FALSE;
	if (rule->declared != NULL && !banned_types_match(rule->declared, part->declared_type, ""))
		return FALSE;
	return (rule->names == NULL || banned_names_match(rule->names, node)) &&
	       (rule->extensions == NULL || banned_names_match(rule->extensions, node)) &&
	       (rule->regexes == NULL || banned_regexes_match(rule, node));
}

static const BannedRule *
banned_get(const AmBannedRules *const *lists, guint number)
{
	while (number >= (*lists)->rules->len)
		number -= (*lists++)->rules->len;
	return (*lists)->rules->pdata[number];
}

/* Number of the first rule below `limit` that holds for the part itself. */
static guint
banned_first(const AmBannedRules *const *lists, guint n_lists, BannedNode node, guint limit)
{
	guint number = 0, found = BANNED_NO_RULE;
	for (guint i = 0; i < n_lists && found == BANNED_NO_RULE; i++) {
		for (guint j = 0; j < lists[i]->rules->len && number < limit; j++, number++) {
			if (banned_rule_holds(lists[i]->rules->pdata[j], &node)) {
				found = number;
				break;
			}
		}
	}
	banned_node_clear(&node);
	return found;
}

typedef struct {
	guint rule;  /* that decides the part as a leaf */
	gint32 part; /* for which it holds */
	gboolean has_children;
} BannedState;

static void
banned_findings_clear(BannedFindings *findings)
{
	g_free(findings->first);
	g_free(findings->next);
}

/* What is said of the whole mail is said of its root. */
static void
banned_findings_init(BannedFindings *findings, const AmReport *report)
{
	findings->first = g_new(gint32, report->parts->len);
	findings->next = g_new(gint32, report->findings->len);
	for (guint i = 0; i < report->parts->len; i++)
		findings->first[i] = -1;
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		gboolean has_part = finding->part >= 0 && (guint)finding->part < report->parts->len;
		guint part = has_part ? (guint)finding->part : 0;
		findings->next[i] = findings->first[part];
		findings->first[part] = (gint32)i;
	}
}

static gboolean
banned_wants_findings(const AmBannedRules *const *lists, guint n_lists)
{
	for (guint i = 0; i < n_lists; i++)
		if (lists[i]->wants_findings)
			return TRUE;
	return FALSE;
}

gboolean
am_banned_check(const AmBannedRules *const *lists, guint n_lists, const AmReport *report,
		AmBannedMatch *match)
{
	guint n = report->parts->len;
	g_autofree BannedState *states = g_new0(BannedState, n);
	BannedFindings findings = { NULL, NULL };
	if (n > 0 && banned_wants_findings(lists, n_lists))
		banned_findings_init(&findings, report);
	for (guint i = 0; i < n; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		BannedState *state = &states[i];
		state->rule = BANNED_NO_RULE;
		if (part->parent >= 0 && (guint)part->parent < i) {
			states[part->parent].has_children = TRUE;
			*state = states[part->parent];
			state->has_children = FALSE;
		}
		const BannedNode node = {
			.part = part,
			.report = report,
			.finding = findings.first != NULL ? findings.first[i] : -1,
			.next = findings.next,
		};
		guint own = banned_first(lists, n_lists, node, state->rule);
		if (own < state->rule) {
			state->rule = own;
			state->part = (gint32)i;
		}
	}
	banned_findings_clear(&findings);
	for (guint i = 0; i < n; i++) {
		if (states[i].has_children || states[i].rule == BANNED_NO_RULE)
			continue;
		const BannedRule *rule = banned_get(lists, states[i].rule);
		if (rule->is_allow)
			continue;
		match->label = rule->label;
		match->part = states[i].part;
		match->leaf = (gint32)i;
		return TRUE;
	}
	return FALSE;
}
