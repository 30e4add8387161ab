/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* GObject is here because GIO asks for it.  A source is ready when the wire says so; it has no
 * descriptor, for the context it is in is run only by who knows that something has happened. */

#include <config.h>

#include "http/link.h"

#include <string.h>

#define LINK_OUTPUT_MAX 65536u /* bytes that wait to be sent */

AmHttpWire *
am_http_wire_new(AmStream *stream, gsize max_head)
{
	AmHttpWire *wire = g_rc_box_new0(AmHttpWire);
	wire->stream = stream;
	wire->is_head = TRUE;
	wire->max_head = max_head;
	return wire;
}

void
am_http_wire_unref(AmHttpWire *wire)
{
	g_rc_box_release(wire);
}

/* ---- sources ------------------------------------------------------------------------------- */

typedef struct {
	GSource source;
	GObject *object;  /* owned: the stream */
	AmHttpWire *wire; /* owned */
	gboolean is_output;
} LinkSource;

static gboolean
link_can_read(const AmHttpWire *wire)
{
	return wire->stream == NULL || wire->can_read || wire->is_eof || wire->is_closed;
}

static gboolean
link_can_write(const AmHttpWire *wire)
{
	return wire->stream == NULL || wire->is_closed ||
	       am_stream_queued(wire->stream) < LINK_OUTPUT_MAX;
}

static gboolean
link_source_check(GSource *source)
{
	const LinkSource *self = (LinkSource *)source;
	return self->is_output ? link_can_write(self->wire) : link_can_read(self->wire);
}

static gboolean
link_source_prepare(GSource *source, gint *timeout)
{
	*timeout = -1;
	return link_source_check(source);
}

static gboolean
link_source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	GPollableSourceFunc func = (GPollableSourceFunc)(void (*)(void))callback;
	return func == NULL || func(((LinkSource *)source)->object, data);
}

static void
link_source_finalize(GSource *source)
{
	LinkSource *self = (LinkSource *)source;
	g_object_unref(self->object);
	am_http_wire_unref(self->wire);
}

/* For g_source_set_dummy_callback(), with which libsoup makes it the child of another source. */
static gboolean
link_source_nothing(GObject *object G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
	return G_SOURCE_CONTINUE;
}

static GSource *
link_source_new(gpointer object, AmHttpWire *wire, gboolean is_output)
{
	/* not constant: GLib has it so */
	static GSourceFuncs funcs = {
		.prepare = link_source_prepare,
		.check = link_source_check,
		.dispatch = link_source_dispatch,
		.finalize = link_source_finalize,
		.closure_callback = (GSourceFunc)(void (*)(void))link_source_nothing,
	};
	GSource *source = g_source_new(&funcs, sizeof(LinkSource));
	LinkSource *self = (LinkSource *)source;
	self->object = g_object_ref(object);
	self->wire = g_rc_box_acquire(wire);
	self->is_output = is_output;
	return source;
}

/* ---- input --------------------------------------------------------------------------------- */

typedef struct {
	GInputStream parent;
	AmHttpWire *wire; /* owned */
} AmHttpInput;

typedef struct {
	GInputStreamClass parent;
} AmHttpInputClass;

static void input_pollable_init(GPollableInputStreamInterface *interface);
GType am_http_input_get_type(void);
G_DEFINE_TYPE_WITH_CODE(AmHttpInput, am_http_input, G_TYPE_INPUT_STREAM,
			G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM, input_pollable_init))

static gssize
link_would_block(GError **error)
{
	g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "nothing yet");
	return -1;
}

static gssize
link_broken(GError **error)
{
	g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "the connection is gone");
	return -1;
}

/* How many of the bytes belong to the head; empty lines in front of it do not end it. */
static gsize
input_head_len(AmHttpWire *wire, const guint8 *data, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (data[i] == '\n')
			wire->n_newlines++;
		else if (data[i] != '\r') {
			wire->n_newlines = 0;
			wire->n_head++;
		}
		if (wire->n_newlines >= 2 && wire->n_head > 0) {
			wire->is_head = FALSE;
			return i + 1;
		}
	}
	return len;
}

static gssize
input_read_nonblocking(GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
	AmHttpWire *wire = ((AmHttpInput *)stream)->wire;
	const guint8 *data;
	gsize len;
	if (wire->stream == NULL || wire->is_eof)
		return 0;
	AmReadResult result =
		wire->room > 0 ? am_stream_try_peek(wire->stream, &data, &len) : AM_READ_AGAIN;
	if (result == AM_READ_AGAIN) {
		wire->can_read = FALSE;
		return link_would_block(error);
	}
	if (result != AM_READ_OK) {
		wire->is_eof = TRUE;
		return result == AM_READ_EOF ? 0 : link_broken(error);
	}
	len = MIN(MIN(len, count), wire->room);
	if (wire->is_head) {
		len = input_head_len(wire, data, len);
		wire->is_head_long = wire->n_read + len > wire->max_head;
		wire->is_eof = wire->is_head_long;
	} else if (wire->is_chunked) {
		len = am_chunks_feed(&wire->chunks, data, len);
		wire->is_eof = wire->chunks.state >= AM_CHUNKS_DONE;
		if (len == 0)
			return 0; /* this is no chunk */
	}
	memcpy(buffer, data, len);
	am_stream_consume(wire->stream, len);
	wire->room -= len;
	wire->n_read += len;
	return (gssize)len;
}

static gssize
input_read(GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable G_GNUC_UNUSED,
	   GError **error)
{
	return input_read_nonblocking(G_POLLABLE_INPUT_STREAM(stream), buffer, count, error);
}

static gboolean
input_is_readable(GPollableInputStream *stream)
{
	return link_can_read(((AmHttpInput *)stream)->wire);
}

static GSource *
input_create_source(GPollableInputStream *stream, GCancellable *cancellable G_GNUC_UNUSED)
{
	return link_source_new(stream, ((AmHttpInput *)stream)->wire, FALSE);
}

static void
input_pollable_init(GPollableInputStreamInterface *interface)
{
	interface->is_readable = input_is_readable;
	interface->create_source = input_create_source;
	interface->read_nonblocking = input_read_nonblocking;
}

static void
input_finalize(GObject *object)
{
	am_http_wire_unref(((AmHttpInput *)object)->wire);
	G_OBJECT_CLASS(am_http_input_parent_class)->finalize(object);
}

static void
am_http_input_class_init(AmHttpInputClass *class)
{
	G_OBJECT_CLASS(class)->finalize = input_finalize;
	G_INPUT_STREAM_CLASS(class)->read_fn = input_read;
}

static void
am_http_input_init(AmHttpInput *self G_GNUC_UNUSED)
{
}

/* ---- output -------------------------------------------------------------------------------- */

typedef struct {
	GOutputStream parent;
	AmHttpWire *wire; /* owned */
} AmHttpOutput;

typedef struct {
	GOutputStreamClass parent;
} AmHttpOutputClass;

static void output_pollable_init(GPollableOutputStreamInterface *interface);
GType am_http_output_get_type(void);
G_DEFINE_TYPE_WITH_CODE(AmHttpOutput, am_http_output, G_TYPE_OUTPUT_STREAM,
			G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_OUTPUT_STREAM, output_pollable_init))

static gssize
output_write_nonblocking(GPollableOutputStream *stream, const void *buffer, gsize count,
			 GError **error)
{
	AmHttpWire *wire = ((AmHttpOutput *)stream)->wire;
	if (wire->stream == NULL || wire->is_closed)
		return link_broken(error);
	wire->is_full = !link_can_write(wire);
	if (wire->is_full)
		return link_would_block(error);
	count = MIN(count, LINK_OUTPUT_MAX);
	am_stream_queue(wire->stream, buffer, count);
	wire->n_written += count;
	return (gssize)count;
}

static gssize
output_write(GOutputStream *stream, const void *buffer, gsize count,
	     GCancellable *cancellable G_GNUC_UNUSED, GError **error)
{
	return output_write_nonblocking(G_POLLABLE_OUTPUT_STREAM(stream), buffer, count, error);
}

static gboolean
output_is_writable(GPollableOutputStream *stream)
{
	return link_can_write(((AmHttpOutput *)stream)->wire);
}

static GSource *
output_create_source(GPollableOutputStream *stream, GCancellable *cancellable G_GNUC_UNUSED)
{
	return link_source_new(stream, ((AmHttpOutput *)stream)->wire, TRUE);
}

static void
output_pollable_init(GPollableOutputStreamInterface *interface)
{
	interface->is_writable = output_is_writable;
	interface->create_source = output_create_source;
	interface->write_nonblocking = output_write_nonblocking;
}

static void
output_finalize(GObject *object)
{
	am_http_wire_unref(((AmHttpOutput *)object)->wire);
	G_OBJECT_CLASS(am_http_output_parent_class)->finalize(object);
}

static void
am_http_output_class_init(AmHttpOutputClass *class)
{
	G_OBJECT_CLASS(class)->finalize = output_finalize;
	G_OUTPUT_STREAM_CLASS(class)->write_fn = output_write;
}

static void
am_http_output_init(AmHttpOutput *self G_GNUC_UNUSED)
{
}

/* ---- both ---------------------------------------------------------------------------------- */

typedef struct {
	GIOStream parent;
	AmHttpWire *wire; /* owned */
	AmHttpInput *input;
	AmHttpOutput *output;
} AmHttpLink;

typedef struct {
	GIOStreamClass parent;
} AmHttpLinkClass;

GType am_http_link_get_type(void);
G_DEFINE_TYPE(AmHttpLink, am_http_link, G_TYPE_IO_STREAM)

static GInputStream *
link_get_input(GIOStream *stream)
{
	return &((AmHttpLink *)stream)->input->parent;
}

static GOutputStream *
link_get_output(GIOStream *stream)
{
	return &((AmHttpLink *)stream)->output->parent;
}

static gboolean
link_close(GIOStream *stream, GCancellable *cancellable G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	((AmHttpLink *)stream)->wire->is_closed = TRUE;
	return TRUE;
}

static void
link_finalize(GObject *object)
{
	AmHttpLink *self = (AmHttpLink *)object;
	g_clear_object(&self->input);
	g_clear_object(&self->output);
	/* by now it has been closed */
	am_http_wire_unref(self->wire);
	G_OBJECT_CLASS(am_http_link_parent_class)->finalize(object);
}

static void
am_http_link_class_init(AmHttpLinkClass *class)
{
	G_OBJECT_CLASS(class)->finalize = link_finalize;
	G_IO_STREAM_CLASS(class)->get_input_stream = link_get_input;
	G_IO_STREAM_CLASS(class)->get_output_stream = link_get_output;
	G_IO_STREAM_CLASS(class)->close_fn = link_close;
}

static void
am_http_link_init(AmHttpLink *self G_GNUC_UNUSED)
{
}

GIOStream *
am_http_link_new(AmHttpWire *wire)
{
	AmHttpLink *self = g_object_new(am_http_link_get_type(), NULL);
	self->wire = g_rc_box_acquire(wire);
	self->input = g_object_new(am_http_input_get_type(), NULL);
	self->input->wire = g_rc_box_acquire(wire);
	self->output = g_object_new(am_http_output_get_type(), NULL);
	self->output->wire = g_rc_box_acquire(wire);
	return &self->parent;
}
