/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What `amavisctl status` gets, as JSON. */

#include <config.h>

#include "master/status.h"

#include <unistd.h>

#include "log/json.h"
#include "master/listeners.h"

static void
status_add_pids(JsonBuilder *builder, GPtrArray *children, AmRole role, const char *name)
{
	am_json_list(builder, name);
	for (guint i = 0; i < children->len; i++) {
		const AmProcess *child = g_ptr_array_index(children, i);
		if (child->role == role)
			json_builder_add_int_value(builder, child->pid);
	}
	json_builder_end_array(builder);
}

static void
status_add_listeners(JsonBuilder *builder, const AmGeneration *generation)
{
	am_json_list(builder, "listeners");
	for (guint i = 0; generation != NULL && i < generation->listeners->len; i++) {
		const AmListener *listener = g_ptr_array_index(generation->listeners, i);
		g_autofree char *address = am_listener_bound_address(listener);
		json_builder_begin_object(builder);
		am_json_text(builder, "name", listener->name);
		am_json_text(builder, "address", address);
		am_json_text(builder, "protocol", listener->protocol);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void
status_add_statistics(JsonBuilder *builder, const AmStatistics *statistics)
{
#define COUNTER(name)                                                                              \
	{                                                                                          \
#name, offsetof(AmStatistics, name)                                                \
	}
	static const struct {
		const char *name;
		gsize offset;
	} counters[] = {
		COUNTER(connections),
		COUNTER(connections_total),
		COUNTER(mails_in_work),
		COUNTER(mails_total),
		COUNTER(recipients_total),
		COUNTER(bytes_total),
		COUNTER(delivered),
		COUNTER(rejected),
		COUNTER(bounced),
		COUNTER(discarded),
		COUNTER(tempfailed),
		COUNTER(clean),
		COUNTER(spam),
		COUNTER(virus),
		COUNTER(banned),
		COUNTER(unchecked),
		COUNTER(bad_header),
		COUNTER(quarantined),
		COUNTER(inspect_retries),
		COUNTER(inspect_failures),
	};
#undef COUNTER
	G_STATIC_ASSERT(sizeof(AmStatistics) == G_N_ELEMENTS(counters) * sizeof(gint64));
	json_builder_set_member_name(builder, "statistics");
	json_builder_begin_object(builder);
	for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
		const gint64 *counter = (const gint64 *)(gconstpointer)((const char *)statistics +
									counters[i].offset);
		am_json_int(builder, counters[i].name, __atomic_load_n(counter, __ATOMIC_RELAXED));
	}
	json_builder_end_object(builder);
}

char *
am_master_status(const AmSupervisor *supervisor, const AmStatistics *statistics, gint64 started_us)
{
	const AmGeneration *generation = am_supervisor_current(supervisor);
	GPtrArray *children = am_supervisor_children(supervisor);
	g_autoptr(JsonBuilder) builder = json_builder_new();
	json_builder_begin_object(builder);
	am_json_text(builder, "version", PACKAGE_VERSION);
	am_json_int(builder, "pid", getpid());
	am_json_int(builder, "generation", generation != NULL ? generation->number : 0);
	am_json_int(builder, "uptime_s", (g_get_monotonic_time() - started_us) / G_USEC_PER_SEC);
	status_add_pids(builder, children, AM_ROLE_SESSION, "session_pids");
	status_add_pids(builder, children, AM_ROLE_ZYGOTE, "content_pids");
	status_add_listeners(builder, generation);
	status_add_statistics(builder, statistics);
	json_builder_end_object(builder);
	return am_json_to_string(builder, FALSE);
}
