/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A name in the order in which a mail reader and a file system change it:
 *
 *     percent-encoding, compatibility characters (NFKC) and other dots, what is invisible or not
 *     allowed, blanks; the path before it; the stream behind it; dots and blanks at its end
 *
 * The steps are all taken, whoever takes which: the result is one more reading beside the name as it
 * is written.  Ordinary names, which are nearly all, are told by one look and cost nothing more. */

#include <config.h>

#include "content/see-through.h"

#include <stdlib.h>
#include <string.h>

#include "content/charset.h"

#define BLANKS_MANY 8	    /* in a row hide what follows */
#define EXTENSION_BYTES 40u /* a longer one is none */
#define CLASS_ID_BYTES 37   /* {8-4-4-4-12 without the closing brace */
#define SEEN_BYTES 4096

static const char *const trick_names[AM_N_TRICKS] = {
	[AM_TRICK_BIDI] = "bidi-override", [AM_TRICK_INVISIBLE] = "zero-width",
	[AM_TRICK_CONTROL] = "control",	   [AM_TRICK_LOOK_ALIKE] = "look-alike",
	[AM_TRICK_BLANKS] = "long-blanks", [AM_TRICK_TRAILING] = "trailing-dots",
	[AM_TRICK_CLASS_ID] = "clsid",	   [AM_TRICK_DOUBLE_EXTENSION] = "double-extension",
	[AM_TRICK_PATH] = "path",	   [AM_TRICK_STREAM] = "alternate-stream",
	[AM_TRICK_PERCENT] = "percent",	   [AM_TRICK_HIDDEN_EXTENSION] = "hidden-extension",
};

/* Both sorted. */
static const char *const dangerous[] = {
	"apk",
	"app",
	"appinstaller",
	"application",
	"appx",
	"bat",
	"chm",
	"cmd",
	"com",
	"cpl",
	"desktop",
	"dll",
	"dmg",
	"exe",
	"gadget",
	"hlp",
	"hta",
	"img",
	"inf",
	"iso",
	"jar",
	"jnlp",
	"js",
	"jse",
	"library-ms",
	"lnk",
	"msc",
	"msi",
	"msix",
	"msp",
	"mst",
	"pif",
	"ps1",
	"psm1",
	"rdp",
	"reg",
	"scf",
	"scr",
	"sct",
	"search-ms",
	"settingcontent-ms",
	"sh",
	"shb",
	"shs",
	"sys",
	"url",
	"vb",
	"vbe",
	"vbs",
	"vhd",
	"vhdx",
	"wim",
	"ws",
	"wsc",
	"wsf",
	"wsh",
	"xll",
};
static const char *const trusted[] = {
	"avi", "bmp",  "csv", "doc",  "docm", "docx", "eml", "gif", "htm",  "html",
	"ics", "jpeg", "jpg", "mov",  "mp3",  "mp4",  "msg", "odp", "ods",  "odt",
	"pdf", "png",  "ppt", "pptx", "rar",  "rtf",  "svg", "tif", "tiff", "txt",
	"wav", "webp", "xls", "xlsm", "xlsx", "xml",  "zip",
};

const char *
am_trick_name(AmTrick trick)
{
	return trick_names[trick];
}

static int
extension_compare(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

static gboolean
extension_is_in(const char *extension, const char *const *list, gsize n)
{
	return bsearch(extension, list, n, sizeof *list, extension_compare) != NULL;
}

gboolean
am_extension_is_dangerous(const char *extension)
{
	return extension_is_in(extension, dangerous, G_N_ELEMENTS(dangerous));
}

static const char *
name_base(const char *name)
{
	const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
	const char *last = MAX(slash, backslash);
	return last != NULL ? last + 1 : name;
}

char *
am_extension_of(const char *name)
{
	const char *dot = strrchr(name_base(name), '.');
	if (dot == NULL || strlen(dot + 1) > EXTENSION_BYTES)
		return g_strdup("");
	return g_utf8_strdown(dot + 1, -1);
}

/* ---- characters ---------------------------------------------------------------------------- */

static gboolean
char_is_bidi(gunichar c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
	       c == 0x200f || c == 0x61c;
}

/* Default_Ignorable_Code_Point of Unicode, without the above. */
static gboolean
char_is_invisible(gunichar c)
{
	static const struct {
		gunichar first, last;
	} ranges[] = {
		{ 0xad, 0xad },	      { 0x34f, 0x34f },	    { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200d },
		{ 0x2060, 0x2065 },   { 0x206a, 0x206f },   { 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },   { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff },
	};
	if (c < 0xad)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return TRUE;
	return FALSE;
}

/* Dots that NFKC leaves alone. */
static gboolean
char_is_dot(gunichar c)
{
	return c == 0x3002 || c == 0x6d4 || c == 0x701 || c == 0x702 || c == 0x2e33 ||
	       c == 0xa4f8 || c == 0xa60e || c == 0x10a50;
}

static gboolean
char_is_control(gunichar c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2400 || c == 0x2028 || c == 0x2029;
}

/* What Windows allows in no name, and mail readers leave out. */
static gboolean
char_is_forbidden(gunichar c)
{
	return c < 0x80 && strchr("\"<>|?*", (int)c) != NULL;
}

/* ---- one name ------------------------------------------------------------------------------ */

/* An ordinary name of one step: what it comes to is what it is. */
static gboolean
name_is_plain(const char *name)
{
	char before = ' ';
	for (const char *at = name; *at != '\0'; before = *at++) {
		if ((guchar)*at < ' ' || (guchar)*at >= 0x7f ||
		    strchr("%\\:\"<>|?*", *at) != NULL || (*at == ' ' && before == ' ') ||
		    (*at == '.' && before == ' ') || (*at == ' ' && before == '.'))
			return FALSE;
	}
	return before != '.' && before != ' ' && before != '/' && strstr(name, "..") == NULL &&
	       *name != '/';
}

/* Is any of the characters in what the eye takes for the extension or what is behind it? */
static gboolean
name_has_at_end(const char *name, gboolean (*is_odd)(gunichar))
{
	guint n = 0;
	gboolean is_trailing = TRUE; /* dots and blanks at the end are not the extension's */
	for (const char *at = name + strlen(name); at > name && n <= EXTENSION_BYTES; n++) {
		at = g_utf8_prev_char(at);
		gunichar c = g_utf8_get_char(at);
		if (is_odd(c))
			return TRUE;
		if (c == '.' && !is_trailing)
			break;
		is_trailing = is_trailing && (c == '.' || c == ' ');
	}
	return FALSE;
}

static gboolean
name_has(const char *name, gboolean (*is_odd)(gunichar))
{
	for (; *name != '\0'; name = g_utf8_next_char(name))
		if (is_odd(g_utf8_get_char(name)))
			return TRUE;
	return FALSE;
}

/* Blanks in the middle, none beside dots. */
static void
seen_append(GString *seen, gunichar c, guint *blanks)
{
	if (g_unichar_isspace(c) || g_unichar_type(c) == G_UNICODE_SPACE_SEPARATOR) {
		++*blanks;
		return;
	}
	if (*blanks > 0 && seen->len > 0 && c != '.' && seen->str[seen->len - 1] != '.')
		g_string_append_c(seen, ' ');
	*blanks = 0;
	g_string_append_unichar(seen, c);
}

static GString *
seen_characters(const char *name, guint *tricks)
{
	g_autofree char *normal = g_utf8_normalize(name, -1, G_NORMALIZE_NFKC);
	GString *seen = g_string_new(NULL);
	guint blanks = 0;
	for (const char *at = normal != NULL ? normal : name; *at != '\0' && seen->len < SEEN_BYTES;
	     at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		gboolean is_blank = c == '\t' || c == '\n' || c == '\r';
		if (char_is_bidi(c) || char_is_invisible(c) || char_is_forbidden(c) ||
		    (char_is_control(c) && !is_blank))
			continue;
		seen_append(seen, char_is_dot(c) ? '.' : c, &blanks);
		if (blanks == BLANKS_MANY && seen->len > 0 && strchr(at, '.') != NULL)
			*tricks |= 1u << AM_TRICK_BLANKS;
	}
	return seen;
}

static void
seen_trim(GString *seen, const char *what)
{
	while (seen->len > 0 && strchr(what, seen->str[seen->len - 1]) != NULL)
		g_string_truncate(seen, seen->len - 1);
}

/* The path before the name. */
static void
seen_take_path(GString *seen, guint *tricks)
{
	const char *name = seen->str;
	gboolean has_drive = g_ascii_isalpha(name[0]) && name[1] == ':' && name[2] != '\0';
	if (has_drive || name[0] == '/' || name[0] == '\\' || g_str_has_prefix(name, "../") ||
	    g_str_has_prefix(name, "..\\") || strstr(name, "/../") != NULL ||
	    strstr(name, "\\..\\") != NULL)
		*tricks |= 1u << AM_TRICK_PATH;
	if (has_drive)
		g_string_erase(seen, 0, 2);
	g_string_erase(seen, 0, name_base(seen->str) - seen->str);
}

/* Streams of NTFS: the file is what stands before the colon. */
static void
seen_take_stream(GString *seen, guint *tricks)
{
	const char *colon = strchr(seen->str, ':');
	if (colon == NULL || colon == seen->str)
		return;
	const char *dot = memchr(seen->str, '.', (gsize)(colon - seen->str));
	if (dot == NULL && colon[1] != ':')
		return; /* 12:30 is no stream */
	*tricks |= 1u << AM_TRICK_STREAM;
	g_string_truncate(seen, (gsize)(colon - seen->str));
}

static char *
name_see(const char *name, guint *tricks)
{
	GString *seen = seen_characters(name, tricks);
	gsize whole = seen->len;
	seen_trim(seen, ". ");
	if (seen->len < whole && seen->len > 0)
		*tricks |= 1u << AM_TRICK_TRAILING;
	seen_trim(seen, "./\\ ");
	seen_take_path(seen, tricks);
	seen_take_stream(seen, tricks);
	seen_trim(seen, ". ");
	return g_string_free(seen, FALSE);
}

/* Text behind U+202E, shown from right to left up to U+202C. NULL: there is none. */
static char *
name_show(const char *name)
{
	const char *start = strstr(name, "\xe2\x80\xae");
	if (start == NULL)
		return NULL;
	const char *end = strstr(start, "\xe2\x80\xac");
	if (end == NULL)
		end = start + strlen(start);
	g_autofree char *turned = g_utf8_strreverse(start + 3, end - start - 3);
	g_autofree char *before = g_strndup(name, (gsize)(start - name));
	return g_strconcat(before, turned, *end != '\0' ? end + 3 : "", NULL);
}

/* %2e to a dot; NULL when nothing is escaped, or what comes out is no text. */
static char *
name_unescape(const char *name)
{
	if (strchr(name, '%') == NULL)
		return NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	for (; *name != '\0'; name++) {
		gboolean is_escape =
			*name == '%' && g_ascii_isxdigit(name[1]) && g_ascii_isxdigit(name[2]);
		int byte = is_escape ? g_ascii_xdigit_value(name[1]) * 16 +
					       g_ascii_xdigit_value(name[2])
				     : *name;
		if (byte == 0)
			g_string_append(out, AM_NUL_TEXT);
		else
			g_string_append_c(out, (char)byte);
		name += is_escape ? 2 : 0;
	}
	return g_utf8_make_valid(out->str, (gssize)out->len);
}

/* ---- what it does -------------------------------------------------------------------------- */

static gboolean
name_has_class_id(const char *name)
{
	static const char form[] = "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	for (const char *at = name; (at = strchr(at, '{')) != NULL; at++) {
		gsize i = 1;
		while (form[i] != '\0' && (form[i] == 'x' ? g_ascii_isxdigit(at[i]) : at[i] == '-'))
			i++;
		if (i == CLASS_ID_BYTES)
			return TRUE;
	}
	return FALSE;
}

static gboolean
name_has_double_extension(const char *seen)
{
	g_autofree char *last = am_extension_of(seen);
	if (!am_extension_is_dangerous(last))
		return FALSE;
	g_autofree char *front = g_strndup(seen, (gsize)(strrchr(seen, '.') - seen));
	g_autofree char *before = am_extension_of(front);
	return extension_is_in(before, trusted, G_N_ELEMENTS(trusted));
}

static guint
name_judge_plain(const char *seen)
{
	guint tricks = 0;
	if (name_has_class_id(seen))
		tricks |= 1u << AM_TRICK_CLASS_ID;
	if (name_has_double_extension(seen))
		tricks |= 1u << AM_TRICK_DOUBLE_EXTENSION;
	return tricks;
}

/* By what `name` hides that it is `seen`. */
static guint
name_judge(const char *name, const char *seen)
{
	guint tricks = 0;
	g_autofree char *first = am_extension_of(name);
	g_autofree char *second = am_extension_of(seen);
	gboolean has_other = strcmp(first, second) != 0;
	if (strstr(name, "\xe2\x80\xae") != NULL || strstr(name, "\xe2\x80\xad") != NULL ||
	    (has_other && name_has_at_end(name, char_is_bidi)))
		tricks |= 1u << AM_TRICK_BIDI;
	if (name_has_at_end(name, char_is_invisible) && *second != '\0')
		tricks |= 1u << AM_TRICK_INVISIBLE;
	if (name_has(name, char_is_control))
		tricks |= 1u << AM_TRICK_CONTROL;
	if (has_other) {
		g_autofree char *normal = g_utf8_normalize(name, -1, G_NORMALIZE_NFKC);
		if (name_has(name, char_is_dot) || g_strcmp0(normal, name) != 0)
			tricks |= 1u << AM_TRICK_LOOK_ALIKE;
	}
	if (has_other && am_extension_is_dangerous(second))
		tricks |= 1u << AM_TRICK_HIDDEN_EXTENSION;
	return tricks | name_judge_plain(seen);
}

/* Marks of name_see() that say something only when there is an extension to hide. */
static guint
tricks_that_count(guint tricks, const char *seen)
{
	const guint of_extension = 1u << AM_TRICK_TRAILING | 1u << AM_TRICK_BLANKS;
	return strchr(seen, '.') != NULL ? tricks : tricks & ~of_extension;
}

typedef struct {
	GPtrArray *names;
	guint max;
	guint tricks;
} Sight;

static void
sight_add(Sight *sight, const char *reading, const char *written)
{
	gsize len = strlen(reading), whole = strlen(written);
	/* rules look behind the last slash themselves */
	gboolean is_base = len < whole && written[whole - len - 1] == '/' &&
			   strcmp(written + whole - len, reading) == 0;
	if (len == 0 || is_base || sight->names->len >= sight->max ||
	    g_ptr_array_find_with_equal_func(sight->names, reading, g_str_equal, NULL))
		return;
	g_ptr_array_add(sight->names, g_strdup(reading));
}

/* name: as `written`, or what came of that by unescaping. */
static char *
sight_look(Sight *sight, const char *name, const char *written)
{
	guint tricks = 0;
	char *seen = name_see(name, &tricks);
	sight->tricks |= tricks_that_count(tricks, seen) | name_judge(name, seen);
	sight_add(sight, seen, written);
	const char *nul = strstr(name, AM_NUL_TEXT);
	if (nul != NULL) {
		g_autofree char *front = g_strndup(name, (gsize)(nul - name));
		g_autofree char *cut = name_see(front, &tricks);
		sight->tricks |= name_judge(name, cut);
		sight_add(sight, cut, written);
	}
	g_autofree char *shown = name_show(name);
	if (shown != NULL) {
		g_autofree char *shown_seen = name_see(shown, &tricks);
		sight_add(sight, shown_seen, written);
	}
	return seen;
}

static void
sight_name(Sight *sight, const char *name)
{
	if (name_is_plain(name)) {
		sight->tricks |= name_judge_plain(name);
		return;
	}
	g_autofree char *seen = sight_look(sight, name, name);
	g_autofree char *unescaped = name_unescape(name);
	if (unescaped == NULL || strcmp(unescaped, name) == 0)
		return;
	g_autofree char *other = sight_look(sight, unescaped, name);
	g_autofree char *before = am_extension_of(seen);
	g_autofree char *after = am_extension_of(other);
	if (strcmp(before, after) != 0)
		sight->tricks |= 1u << AM_TRICK_PERCENT;
	if (strcmp(before, after) != 0 && am_extension_is_dangerous(after))
		sight->tricks |= 1u << AM_TRICK_HIDDEN_EXTENSION;
}

guint
am_see_through(GPtrArray *names, guint max)
{
	Sight sight = { .names = names, .max = max };
	guint n = names->len;
	for (guint i = 0; i < n; i++)
		sight_name(&sight, g_ptr_array_index(names, i));
	return sight.tricks;
}
