/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The public plugin interface of amavisd, and the only header of amavisd a plugin includes.
 *
 * A plugin is a shared object that exports one constant descriptor, `am_plugin`.  It links with no
 * undefined symbols of amavisd: everything it wants from the core it gets through the AmHost table
 * that load() is handed.  See docs/plugins.md for a complete scanner in sixty lines.
 *
 * Life of a plugin, each instance (one configuration group is one instance):
 *
 *     load()          once, one thread, before any fork; big databases come in here
 *     after_fork()    once in every process that will call the plugin, still one thread
 *     thread_init()   once in every thread that will call the plugin
 *       ...           the functions of its kinds, at any time, from several threads at once only
 *                     when AM_CAP_REENTRANT is promised
 *     thread_end()    the thread ends
 *     unload()        the process that loaded it ends
 *
 * State has three homes: what load() returned (read-only after load), the thread, the call.
 *
 * Strings handed to a plugin are borrowed and live until the call returns; UTF-8 unless said
 * otherwise.  Text that came from a mail is hostile: it may hold any byte but NUL.
 * Every function that returns FALSE or NULL with a GError has failed; a failing plugin is a fact in
 * the report and a line in the log, never a lost mail.
 *
 * ABI history
 *     1.0  2026-11-22  first
 *     1.1  2026-11-22  AmQuarantineItem: blocked
 *     1.2  2026-11-22  decoders: findings, passwords, programs, declared types; AM_CAP_BESIDE,
 *                      AM_PART_HAS_ENCODED, AM_PART_ALTERNATIVE
 */

#include <glib.h>

G_BEGIN_DECLS

#define AM_ABI_MAJOR 1 /* changes when an old plugin could no longer run */
#define AM_ABI_MINOR 2 /* grows when something was appended */

/* The first three fields of AmPlugin and of every table of functions. */
#define AM_ABI_HEAD(Type) \
	.struct_size = sizeof(Type), .abi_major = AM_ABI_MAJOR, .abi_minor = AM_ABI_MINOR

/* Put before the descriptor so that it stays visible under -fvisibility=hidden. */
#define AM_PLUGIN_EXPORT __attribute__((visibility("default")))

typedef struct _AmPlugin AmPlugin;
typedef struct _AmHost AmHost;

typedef struct _AmInstance AmInstance; /* one configured instance of a plugin */
typedef struct _AmScan AmScan;         /* one scanner at work on one mail */
typedef struct _AmPart AmPart;         /* a node of the tree of parts of a mail */
typedef struct _AmDecode AmDecode;     /* one decoder at work on one part */
typedef struct _AmChild AmChild;       /* a child part that a decoder is writing */
typedef struct _AmAction AmAction;     /* an action at work on one mail for one recipient */

/* What a plugin does; several may be or-ed. */
typedef enum {
	AM_KIND_SCANNER = 1 << 0,    /* mail or parts to findings and scores */
	AM_KIND_DECODER = 1 << 1,    /* a part to child parts */
	AM_KIND_ACTION = 1 << 2,     /* edits, for one recipient */
	AM_KIND_QUARANTINE = 1 << 3, /* keeps mails under an id */
} AmKind;

/* What a plugin needs and promises; or-ed. */
typedef enum {
	AM_CAP_SANDBOX = 1 << 0,   /* runs in a content worker: no network, no files but its own */
	AM_CAP_SESSION = 1 << 1,   /* runs in the session process */
	AM_CAP_NETWORK = 1 << 2,   /* opens connections (session only) */
	AM_CAP_EXEC = 1 << 3,      /* a decoder that starts programs, by host->program_add() */
	AM_CAP_REENTRANT = 1 << 4, /* may be called from several threads at once */
	AM_CAP_SCORES = 1 << 5,    /* a scanner that gives nothing but a spam score: not asked when
	                            * every recipient bypasses spam checks */
	AM_CAP_BESIDE = 1 << 6,    /* a decoder for something that lies inside contents of another kind
	                            * (uuencode in a text, data: in HTML): whenever it bids it has its
	                            * turn, beside the best of the others */
} AmCaps;

typedef enum {
	AM_LOG_ERROR,   /* an operator must act */
	AM_LOG_WARNING, /* odd but handled */
	AM_LOG_INFO,    /* the mail line and life cycle */
	AM_LOG_DEBUG,   /* for developers */
} AmLogLevel;

/* ---- settings ------------------------------------------------------------------------------ */

typedef enum {
	AM_SETTING_STRING,   /* any text */
	AM_SETTING_BOOL,     /* yes no true false on off 1 0 */
	AM_SETTING_INT,      /* decimal; range "MIN..MAX", either side may be empty */
	AM_SETTING_DOUBLE,   /* decimal with a point; range as above */
	AM_SETTING_SIZE,     /* bytes, with an optional suffix K M G (powers of 1024) */
	AM_SETTING_DURATION, /* milliseconds inside; written 500ms 10s 5m 2h 7d, bare number = s */
	AM_SETTING_PATH,     /* an absolute path */
	AM_SETTING_ENUM,     /* one of range "a|b|c" */
	AM_SETTING_LIST,     /* words separated by commas or blanks */
} AmSettingType;

/* One key a configuration group may hold; a table of these ends with a NULL name. */
typedef struct {
	const char *name;
	AmSettingType type;
	const char *default_value; /* written as in the file; NULL: unset unless configured */
	const char *range;         /* see AmSettingType; NULL: no limit */
	const char *help;          /* one line, for config show and error messages */
} AmSettingSpec;

/* ---- parts --------------------------------------------------------------------------------- */

typedef enum {
	AM_PART_MIME = 1 << 0,      /* a node of the MIME tree */
	AM_PART_MEMBER = 1 << 1,    /* came out of a decoder */
	AM_PART_ENCRYPTED = 1 << 2, /* content cannot be read without a password */
	AM_PART_UNDECODED = 1 << 3, /* could not be (wholly) taken apart; `reason` says why */
	AM_PART_LIMIT = 1 << 4,     /* ... because a limit of the budget was reached */
	AM_PART_AMBIGUOUS = 1 << 5, /* mail readers may disagree on what it is */
	AM_PART_DIRECTORY = 1 << 6, /* member is a directory */
	AM_PART_LINK = 1 << 7,      /* member is a link */
	AM_PART_SPECIAL = 1 << 8,   /* member is a device, FIFO or socket */
	AM_PART_CONTAINER = 1 << 9, /* has children */
	AM_PART_HAS_ENCODED = 1 << 10,  /* a text with a line that looks like the start of uuencode,
	                                 * yEnc, BinHex or an OpenPGP message, anywhere in it; 1.2 */
	AM_PART_ALTERNATIVE = 1 << 11,  /* another reading of bytes that its siblings show too; 1.2 */
} AmPartFlags;

/* What is known of a part; all pointers borrowed, "" when unknown, never NULL. */
typedef struct {
	const char *path;          /* "1.2.1" */
	const char *declared_type; /* from Content-Type, lower case, no parameters */
	const char *type;          /* real type, by content: "application/zip" */
	const char *short_type;    /* Amavis' short name for the real type: "zip", "exe-ms" */
	const char *name;          /* file name, decoded to UTF-8 */
	guint64 size;              /* decoded bytes */
	guint32 flags;             /* AmPartFlags */
	gint32 parent;             /* index of the parent part, -1 for the root */
} AmPartInfo;

/* ---- functions of each kind ---------------------------------------------------------------- */

/* scanner */
typedef struct {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	/* Looks at the mail, reports through host->finding(), ->score(), ->test().  Clean is: TRUE
	 * without a finding.  FALSE: could not tell, the mail is treated as unchecked or tempfailed
	 * as policy says.  Must be back before host->deadline_us(). */
	gboolean (*scan)(gpointer self, AmScan *scan, GError **error);
	/* Optional, called in the zygote every few seconds: has the data on disk changed since load(),
	 * so that a new generation should be loaded beside this one? */
	gboolean (*is_stale)(gpointer self);
	/* Optional, called in every worker before it takes its first mail: touch what the first scan
	 * would touch. */
	void (*warm_up)(gpointer self);
} AmScannerOps;

/* decoder (always AM_CAP_SANDBOX) */
typedef struct {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	/* How sure the decoder is that it can open the part, 0 (no) to 100.  `head` holds the first
	 * `len` bytes (at most 4096) of the content; the best bid wins.  When the winner marks the part
	 * undecoded or encrypted, or fails, the next best has a try.  Also called, from the same
	 * thread, while decode() is writing a child: it looks at its arguments and nothing else. */
	int (*bid)(gpointer self, const AmPartInfo *info, const guint8 *head, gsize len);
	/* Takes the part apart with host->child_open() ....  What the mail did wrong (corrupt,
	 * encrypted) is told by host->decode_mark() and still TRUE; FALSE is the decoder's own
	 * failure.  When a child function says FALSE the budget is used up: return TRUE at once. */
	gboolean (*decode)(gpointer self, AmDecode *decode, GError **error);
} AmDecoderOps;

/* action (session) */
typedef struct {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	/* Called once for each recipient the mail is to be delivered to, after its disposition is
	 * known; makes edits through host->edit(). */
	gboolean (*apply)(gpointer self, AmAction *action, GError **error);
} AmActionOps;

/* A mail to be stored, or one that was. All pointers borrowed for the call.  Who makes one
 * fills in struct_size; who gets one looks at no field beyond it. */
typedef struct {
	guint32 struct_size;
	const char *id;       /* mail id, unique, safe as a file name */
	const char *category; /* "virus", "banned", ...: why it is stored */
	const char *header;   /* CRLF-ended fields to stand before the mail; holds the envelope */
	int fd;               /* the mail, read by pread() from offset 0; CRLF line ends */
	guint64 size;         /* bytes in fd */
	gint64 time;          /* seconds since 1970 */
	const char *sender;   /* reverse-path in <> */
	const char *const *recipients; /* forward-paths in <>, NULL-ended */
	const char *subject;           /* decoded, may be "" */
	/* 1.1: those of the recipients who did not get the mail, as above; NULL: unknown */
	const char *const *blocked;
} AmQuarantineItem;

/* Called for each item; FALSE ends the listing. */
typedef gboolean (*AmQuarantineFunc)(const AmQuarantineItem *item, gpointer user_data);

/* quarantine (session and amavisctl) */
typedef struct {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	/* Stores durably: after TRUE the mail survives a power cut.  *location: where, for log and
	 * header, to be freed by g_free(). */
	gboolean (*store)(gpointer self, const AmQuarantineItem *item, char **location, GError **error);
	/* Opens a stored mail as it was stored (header in front).  Returns a descriptor at offset 0 or
	 * -1 with G_FILE_ERROR_NOENT when there is none of that id. */
	int (*open)(gpointer self, const char *id, GError **error);
	/* Removes; FALSE with G_FILE_ERROR_NOENT when there is none. */
	gboolean (*remove)(gpointer self, const char *id, GError **error);
	/* Oldest first; `fd` of the items is -1. */
	gboolean (*list)(gpointer self, AmQuarantineFunc func, gpointer user_data, GError **error);
	/* Removes what is older than `before` (seconds since 1970); *n_removed counts. */
	gboolean (*expire)(gpointer self, gint64 before, guint *n_removed, GError **error);
} AmQuarantineOps;

/* ---- what the core offers ------------------------------------------------------------------ */

/* How a program of a decoder is run; 1.2. */
typedef enum {
	AM_PROGRAM_STDOUT = 1 << 0, /* what it prints is the result, counted like a file */
	AM_PROGRAM_FORKS = 1 << 1,  /* it may start other programs of the system */
} AmProgramFlags;

typedef enum {
	AM_EDIT_PREPEND, /* new field above the mail's own */
	AM_EDIT_APPEND,  /* new field below the mail's own */
	AM_EDIT_REPLACE, /* first field of that name gets this value; appended when there is none */
	AM_EDIT_DELETE,  /* every field of that name goes; value ignored */
} AmEditOp;

/* The host table.  Appended to only; a plugin built for an older minor sees a longer table.
 * Functions that make no sense in the process at hand return FALSE, NULL, -1 or 0. */
struct _AmHost {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	const char *product; /* "amavisd 0.1" */

	/* -- any time, any thread -- */

	/* Settings of the instance, parsed and checked against the plugin's table; asking for a name
	 * or type the table does not have is a programming error.  Unset: NULL, 0, FALSE. */
	const char *(*setting_string)(AmInstance *instance, const char *name);
	gboolean (*setting_bool)(AmInstance *instance, const char *name);
	gint64 (*setting_int)(AmInstance *instance, const char *name); /* INT SIZE DURATION */
	double (*setting_double)(AmInstance *instance, const char *name);
	const char *const *(*setting_list)(AmInstance *instance, const char *name);
	/* Name of the instance: the second word of its group, "clamav" in [scanner clamav]. */
	const char *(*instance_name)(AmInstance *instance);
	/* One line, no newline at the end; cut at 1000 bytes, control bytes escaped. */
	void (*log)(AmInstance *instance, AmLogLevel level, const char *format, ...)
		G_GNUC_PRINTF(3, 4);

	/* -- scanners -- */

	/* The mail's bytes, CRLF line ends, no dot-stuffing.  Use pread() or mmap(); the descriptor is
	 * the core's and shared, so do not close it or move its offset. */
	int (*mail_fd)(AmScan *scan);
	guint64 (*mail_size)(AmScan *scan);
	const char *(*mail_id)(AmScan *scan);
	const char *(*mail_sender)(AmScan *scan); /* without <>, "" for null */
	guint (*mail_n_recipients)(AmScan *scan);
	const char *(*mail_recipient)(AmScan *scan, guint index); /* without <> */
	const char *(*mail_client_address)(AmScan *scan);         /* "192.0.2.1", "" unknown */
	const char *(*mail_helo)(AmScan *scan);
	gint64 (*deadline_us)(AmScan *scan); /* in g_get_monotonic_time() */
	guint (*n_parts)(AmScan *scan);      /* 0 in the session process */
	AmPart *(*part)(AmScan *scan, guint index);
	void (*part_info)(AmPart *part, AmPartInfo *info);
	/* Decoded content of a part, at offset 0, valid until the scan ends, owned by the core; -1
	 * when it has none (directories, encrypted members, multiparts) or it was not kept. */
	int (*part_fd)(AmPart *part);
	/* kind: "virus", "phishing", "encrypted", "macro", "limit", ...; only "virus" makes the mail
	 * one of category virus, "limit" and "encrypted" make it unchecked.  part: NULL for the mail
	 * as a whole.  detail may be NULL. */
	void (*finding)(AmScan *scan, AmPart *part, const char *kind, const char *name,
			const char *detail);
	/* Adds to the mail's spam score; test() says what it is made of, for X-Spam-Status. */
	void (*score)(AmScan *scan, double points);
	void (*test)(AmScan *scan, const char *name, double points);

	/* -- decoders -- */

	AmPart *(*decode_part)(AmDecode *decode); /* the part to open; part_fd() works on it */
	/* A new child.  name: as the archive has it, any bytes, NULL for none; flags: AM_PART_DIRECTORY,
	 * _LINK, _SPECIAL, _ENCRYPTED as fit.  NULL: the budget is used up. */
	AmChild *(*child_open)(AmDecode *decode, const char *name, guint32 flags);
	gboolean (*child_write)(AmChild *child, gconstpointer data, gsize len);
	gboolean (*child_close)(AmChild *child); /* frees it; call it also after a failed write */
	/* Marks the part itself: AM_PART_ENCRYPTED, AM_PART_UNDECODED with a reason for people.
	 * 0 (1.2): it is no content for this decoder after all; the next one has its turn. */
	void (*decode_mark)(AmDecode *decode, guint32 flags, const char *reason);

	/* -- actions -- */

	const char *(*action_mail_id)(AmAction *action);
	const char *(*action_recipient)(AmAction *action); /* without <> */
	const char *(*action_category)(AmAction *action);  /* main one: "clean", "spam", "virus" ... */
	gboolean (*action_has_category)(AmAction *action, const char *category);
	double (*action_score)(AmAction *action);        /* spam score for this recipient */
	gboolean (*action_has_score)(AmAction *action);  /* was the mail scored at all? */
	const char *(*action_tests)(AmAction *action);   /* "BAYES_50=0.8,GTUBE=1000", "" none */
	const char *(*action_reasons)(AmAction *action); /* findings in words, "" none */
	const char *(*action_subject)(AmAction *action); /* raw value without CRLF; "" none */
	/* A per-recipient setting by its name in policy, as text ("6.31", "yes"); NULL unknown. */
	const char *(*action_setting)(AmAction *action, const char *name);
	/* One header change; the value is made safe and folded by the core. FALSE: bad name. */
	gboolean (*edit)(AmAction *action, AmEditOp op, const char *name, const char *value);
	/* Id under which a copy for this recipient is kept in a quarantine, "" when none is. */
	const char *(*action_quarantine_id)(AmAction *action);

	/* -- decoders, since 1.2 -- */

	/* A fact about the part at hand, as finding() makes it: "macro", "javascript", "launch",
	 * "smuggling", "external", ...  These are told to policy and log; they make no category. */
	void (*decode_finding)(AmDecode *decode, const char *kind, const char *name,
			       const char *detail);
	gint64 (*decode_deadline_us)(AmDecode *decode); /* in g_get_monotonic_time() */
	/* The media type that the container states for this child ("image/png"); before the first
	 * child_write().  Compared with the real one like the Content-Type of a MIME part. */
	void (*child_declare)(AmChild *child, const char *type);
	/* The index-th password worth trying on encrypted content, the likeliest first: those the
	 * administrator listed, and words of the mail's subject and texts.  NULL: no more, or the
	 * tries of this mail are used up; each call with a new index for the same decode counts as
	 * one try.  Valid until the mail is done. */
	const char *(*decode_password)(AmDecode *decode, guint index);
	/* That password opened the part (or a member of it): the report says so. */
	void (*decode_opened)(AmDecode *decode, guint index);
	/* In load() only, AM_CAP_EXEC: a program that decode() may start.  argv[0] is an absolute
	 * path; "{file}" in an argument stands for the name of the file with the part's content,
	 * "{password}" for the password.  ending: of that name (".zoo"), "" none; flags:
	 * AmProgramFlags.  No shell is involved.  -1: no such program, or none can be run here. */
	int (*program_add)(AmInstance *instance, const char *const *argv, const char *ending,
			   guint32 flags, GError **error);
	/* Runs it to its end, or to the mail's deadline, in an empty folder of its own, with the
	 * content in a file beside that folder, no network, no other files than the system's
	 * libraries, and bounded memory, time, processes and output.  *status: as of waitpid().
	 * password may be NULL.  FALSE: could not be run. */
	gboolean (*program_run)(AmDecode *decode, int program, const char *password, int *status,
				GError **error);
	/* What the last run printed, both streams (with AM_PROGRAM_STDOUT the second), at most
	 * 64 KiB, made valid UTF-8; "" nothing.  Valid until the next run. */
	const char *(*program_output)(AmDecode *decode);
	/* Makes a child of each file that the last run left in its folder; links and special files are
	 * recorded, not followed.  With AM_PROGRAM_STDOUT: one of what it printed, named as the part
	 * without its last ending.  Once after each run.  FALSE: budget used up. */
	gboolean (*program_collect)(AmDecode *decode);
};

/* ---- the descriptor ------------------------------------------------------------------------ */

struct _AmPlugin {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
	guint32 kinds;             /* AmKind */
	guint32 caps;              /* AmCaps */
	const char *name;          /* [a-z0-9-]+, the default name of its configuration group */
	const char *version;       /* the plugin's own */
	const char *licence;       /* SPDX identifier */
	const char *summary;       /* one line */
	const AmSettingSpec *settings; /* may be NULL; core keys: enabled, plugin, order, required */
	/* Returns the instance's data (not NULL) or NULL with error.  host and instance outlive it. */
	gpointer (*load)(const AmHost *host, AmInstance *instance, GError **error);
	gboolean (*after_fork)(gpointer self, GError **error);  /* may be NULL */
	gboolean (*thread_init)(gpointer self, GError **error); /* may be NULL */
	void (*thread_end)(gpointer self);                      /* may be NULL */
	void (*unload)(gpointer self);                          /* may be NULL */
	const AmScannerOps *scanner;       /* when kinds has AM_KIND_SCANNER */
	const AmDecoderOps *decoder;       /* when kinds has AM_KIND_DECODER */
	const AmActionOps *action;         /* when kinds has AM_KIND_ACTION */
	const AmQuarantineOps *quarantine; /* when kinds has AM_KIND_QUARANTINE */
};

/* The symbol the loader looks for. */
#define AM_PLUGIN_SYMBOL "am_plugin"
extern AM_PLUGIN_EXPORT const AmPlugin am_plugin;

G_END_DECLS
