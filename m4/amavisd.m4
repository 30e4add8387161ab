dnl Copyright (C) 2026 the amavisd authors
dnl SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

dnl AM_OPTIONAL_LIBRARY(NAME, MODULES, PURPOSE)
dnl --enable-NAME/--disable-NAME, on when MODULES are there.  Defines HAVE_NAME, NAME_CFLAGS,
dnl NAME_LIBS, the conditional of that name and a line of the summary.
AC_DEFUN([AM_OPTIONAL_LIBRARY], [
m4_pushdef([UP], m4_toupper(m4_translit([$1], [-], [_])))
AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [build without $3])],
	[am_want=$enableval], [am_want=auto])
am_why=
AS_IF([test "x$am_want" = xno], [am_have=no; am_why="switched off"],
	[PKG_CHECK_MODULES(UP, [$2], [am_have=yes], [am_have=no; am_why="$2 not found"])])
AS_IF([test "x$am_want" = xyes && test "x$am_have" = xno],
	[AC_MSG_ERROR([--enable-$1 was given, but $2 was not found])])
AS_IF([test "x$am_have" = xyes], [AC_DEFINE([HAVE_]UP, [1], [$3])])
AM_CONDITIONAL(UP, [test "x$am_have" = xyes])
am_summary="$am_summary  $1: $am_have${am_why:+ ($am_why)}
"
m4_popdef([UP])])

dnl AM_OPTIONAL_PLUGIN(NAME, MODULES)
dnl The same for a plugin: the conditional is PLUGIN_NAME; no MODULES: only a switch.
AC_DEFUN([AM_OPTIONAL_PLUGIN], [
m4_pushdef([UP], m4_toupper(m4_translit([$1], [-], [_])))
AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [build without the plugin $1])],
	[am_want=$enableval], [am_want=auto])
am_why=
AS_IF([test "x$am_want" = xno], [am_have=no; am_why="switched off"],
	[m4_if([$2], [], [am_have=yes],
		[PKG_CHECK_MODULES(UP, [$2], [am_have=yes], [am_have=no; am_why="$2 not found"])])])
AS_IF([test "x$am_want" = xyes && test "x$am_have" = xno],
	[AC_MSG_ERROR([--enable-$1 was given, but $2 was not found])])
AM_CONDITIONAL([PLUGIN_]UP, [test "x$am_have" = xyes])
am_summary="$am_summary  plugin $1: $am_have${am_why:+ ($am_why)}
"
m4_popdef([UP])])

dnl AM_TRY_FLAG(VARIABLE, FLAG): appends FLAG when the compiler takes it.
AC_DEFUN([AM_TRY_FLAG], [
AC_MSG_CHECKING([whether $CC takes $2])
am_saved="$CFLAGS"; CFLAGS="$CFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
CFLAGS="$am_saved"])

AC_DEFUN([AM_BUILD_FLAGS], [
AM_WARNINGS=
for am_flag in -Wall -Wextra -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wshadow -Wwrite-strings -Wvla -Wno-missing-field-initializers; do
	AM_TRY_FLAG([AM_WARNINGS], [$am_flag])
done
AS_IF([test "x$enable_werror" = xyes], [AM_WARNINGS="$AM_WARNINGS -Werror"])
AM_HARDEN_CFLAGS= AM_HARDEN_LDFLAGS= AM_PIE_CFLAGS= AM_PIE_LDFLAGS=
AS_IF([test "x$enable_hardening" = xyes], [
	AM_TRY_FLAG([AM_HARDEN_CFLAGS], [-fstack-protector-strong])
	AM_TRY_FLAG([AM_HARDEN_CFLAGS], [-fstack-clash-protection])
	AM_TRY_FLAG([AM_HARDEN_CFLAGS], [-fcf-protection])
	AM_TRY_FLAG([AM_HARDEN_LDFLAGS], [-Wl,-z,relro])
	AM_TRY_FLAG([AM_HARDEN_LDFLAGS], [-Wl,-z,now])
	AM_TRY_FLAG([AM_HARDEN_LDFLAGS], [-Wl,-z,noexecstack])
	AM_PIE_CFLAGS=-fPIE
	AM_PIE_LDFLAGS=-pie
	AS_IF([test "x$enable_sanitizers" = xno],
		[AS_CASE([" $CFLAGS "], [*" -O0 "*], [],
			[AM_HARDEN_CFLAGS="$AM_HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])])])
AM_SAN_FLAGS=
AS_IF([test "x$enable_sanitizers" != xno],
	[AM_SAN_FLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=undefined"])
AS_IF([test "x$enable_fuzzers" = xyes], [AM_SAN_FLAGS="$AM_SAN_FLAGS -fsanitize=fuzzer-no-link"])
AC_SUBST([AM_WARNINGS]) AC_SUBST([AM_HARDEN_CFLAGS]) AC_SUBST([AM_HARDEN_LDFLAGS])
AC_SUBST([AM_PIE_CFLAGS]) AC_SUBST([AM_PIE_LDFLAGS]) AC_SUBST([AM_SAN_FLAGS])
])
