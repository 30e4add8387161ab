/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The client has one copy of the mail and can change its header for all or for nobody.  Of those who
 * are to get the mail by the usual route, recipients with equal edits are one group; one group's
 * edits become the copy's.  Who is in another group is delivered to by us, or takes what the copy
 * has, as configured. */

#include <config.h>

#include "pipeline/handback.h"

#include <string.h>

static gboolean
handback_is_for_client(const AmDisposition *disposition, const char *forward)
{
	const char *route = disposition->route != NULL ? disposition->route : "";
	return disposition->destiny == AM_DESTINY_PASS &&
	       disposition->blocking == AM_CATEGORY_NONE && disposition->reply == NULL &&
	       (*route == '\0' || strcmp(route, forward) == 0);
}

static gboolean
handback_is_equal(const AmDisposition *a, const AmDisposition *b)
{
	guint n_a = am_edits_count(a->edits), n_b = am_edits_count(b->edits);
	if (n_a == 0 || n_b == 0)
		return n_a == n_b;
	return am_edits_equal(a->edits, b->edits);
}

/* How many get what this one gets. */
static guint
handback_count(GPtrArray *dispositions, const char *forward, const AmDisposition *one)
{
	guint n = 0;
	for (guint i = 0; i < dispositions->len; i++)
		if (handback_is_for_client(dispositions->pdata[i], forward) &&
		    handback_is_equal(dispositions->pdata[i], one))
			n++;
	return n;
}

/* The field X-Amavis-Hold that is added asks an MTA to hold the mail; this client can be told so.  Its
 * value, NULL: there is none. */
static const char *
handback_find_hold(const AmEdits *edits)
{
	for (guint i = 0; i < am_edits_count(edits); i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (!am_edits_is_of_mail(edit) &&
		    g_ascii_strcasecmp(edit->name, "X-Amavis-Hold") == 0)
			return edit->value;
	}
	return NULL;
}

static char *
handback_hold(const AmEdits *edits)
{
	const char *value = handback_find_hold(edits);
	return value != NULL ? g_strdelimit(g_strdup(value), "\r\n\t", ' ') : NULL;
}

/* Above 0: a is stricter. */
static gint
handback_compare(const AmDisposition *a, const AmDisposition *b)
{
	gboolean is_a_held = handback_find_hold(a->edits) != NULL;
	gboolean is_b_held = handback_find_hold(b->edits) != NULL;
	if (is_a_held != is_b_held)
		return is_a_held ? 1 : -1;
	if (a->main_category != b->main_category)
		return a->main_category > b->main_category ? 1 : -1;
	return a->score > b->score ? 1 : a->score < b->score ? -1 : 0;
}

/* The one whose header the copy gets; NULL: nobody is left for the client. */
static const AmDisposition *
handback_choose(GPtrArray *dispositions, const char *forward, AmConflict conflict)
{
	const AmDisposition *best = NULL;
	guint best_count = 0;
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		if (!handback_is_for_client(one, forward))
			continue;
		if (best != NULL && handback_is_equal(one, best))
			continue;
		/* splitting costs least where most are together */
		guint count = conflict == AM_CONFLICT_SPLIT
				      ? handback_count(dispositions, forward, one)
				      : 0;
		gint order = best != NULL ? handback_compare(one, best) : 1;
		if (best == NULL || (conflict == AM_CONFLICT_SPLIT && count > best_count) ||
		    (conflict == AM_CONFLICT_STRICTEST && order > 0) ||
		    (conflict == AM_CONFLICT_MILDEST && order < 0)) {
			best = one;
			best_count = count;
		}
	}
	return best;
}

void
am_handback_assign(GPtrArray *dispositions, const char *forward, AmConflict conflict,
		   AmHandback *handback)
{
	const AmDisposition *chosen = handback_choose(dispositions, forward, conflict);
	if (chosen == NULL)
		return;
	handback->edits = chosen->edits;
	handback->quarantine = handback_hold(chosen->edits);
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		if (handback_is_for_client(one, forward) &&
		    (conflict != AM_CONFLICT_SPLIT || handback_is_equal(one, chosen)))
			g_array_append_val(handback->given, i);
	}
	for (guint i = 0; i < handback->given->len; i++) {
		AmDisposition *one = dispositions->pdata[g_array_index(handback->given, guint, i)];
		one->reply = am_reply_new(250, "2.0.0", "handed back to the MTA");
		one->is_delivered = TRUE;
	}
}

static void
handback_take_back(GPtrArray *dispositions, const AmReply *refusal, AmHandback *handback)
{
	for (guint i = 0; i < handback->given->len; i++) {
		AmDisposition *one = dispositions->pdata[g_array_index(handback->given, guint, i)];
		am_reply_free(one->reply);
		one->reply = am_reply_copy(refusal);
		one->is_delivered = FALSE;
	}
	g_array_set_size(handback->given, 0);
	g_clear_pointer(&handback->quarantine, g_free);
	handback->reply = am_reply_copy(refusal);
}

static gboolean
handback_has_moved(const AmDisposition *disposition)
{
	return disposition->target != NULL &&
	       strcmp(disposition->target->address, disposition->recipient->address) != 0;
}

void
am_handback_conclude(GPtrArray *dispositions, const AmReply *reply, AmHandback *handback)
{
	if (!am_reply_is_success(reply)) {
		handback_take_back(dispositions, reply, handback);
		return;
	}
	handback->is_discard = handback->given->len == 0;
	/* both lists are in the envelope's order */
	for (guint i = 0, n = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		gboolean is_given =
			n < handback->given->len && g_array_index(handback->given, guint, n) == i;
		n += is_given;
		if (!is_given || handback_has_moved(one))
			g_array_append_val(handback->removed, i);
		if (is_given && handback_has_moved(one))
			g_ptr_array_add(handback->added, g_strdup(one->target->address));
	}
}
