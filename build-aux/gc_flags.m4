# Compiler flags and the search for ei, out of configure.ac's way.

# GC_TRY_FLAG(VARIABLE, FLAG): appends FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([GC_TRY_FLAG], [
  gc_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_MSG_CHECKING([whether $CC takes $2])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
  CFLAGS=$gc_save_CFLAGS
])

AC_DEFUN([GC_COMPILER_FLAGS], [
  GC_CFLAGS="-std=gnu11 -fvisibility=hidden -pthread -D_REENTRANT"
  GC_LDFLAGS="-pthread"
  for flag in -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef \
    -Wnull-dereference -Wvla; do
    GC_TRY_FLAG([GC_CFLAGS], [$flag])
  done
  AS_IF([test "$enable_werror" = yes], [GC_CFLAGS="$GC_CFLAGS -Werror"])
  AS_IF([test "$enable_sanitizer" != no], [
    GC_CFLAGS="$GC_CFLAGS -fsanitize=$enable_sanitizer -fno-omit-frame-pointer -fno-sanitize-recover=all"
    GC_LDFLAGS="$GC_LDFLAGS -fsanitize=$enable_sanitizer"
    AC_DEFINE([GC_SANITIZER], [1], [Built with a sanitizer])
    enable_hardening="no (sanitizer)"
  ])
  AS_IF([test "$enable_hardening" = yes], [
    for flag in -fstack-protector-strong -fstack-clash-protection -fcf-protection; do
      GC_TRY_FLAG([GC_CFLAGS], [$flag])
    done
    AS_CASE([$CFLAGS], [*-O@<:@123s@:>@*], [GC_CFLAGS="$GC_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
    for flag in -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack; do
      GC_TRY_FLAG([GC_LDFLAGS], [$flag])
    done
    GC_TRY_FLAG([GC_PIE_CFLAGS], [-fPIE])
    GC_TRY_FLAG([GC_PIE_LDFLAGS], [-pie])
  ])
  AC_SUBST([GC_CFLAGS])
  AC_SUBST([GC_LDFLAGS])
  AC_SUBST([GC_PIE_CFLAGS])
  AC_SUBST([GC_PIE_LDFLAGS])
])

# GC_CHECK_EI: EI_CFLAGS, EI_LIBS. In the default path, else under the Erlang root.
AC_DEFUN([GC_CHECK_EI], [
  gc_ei_libdir="the default path"
  EI_CFLAGS="-D_REENTRANT"
  EI_LIBS="-lei"
  gc_save_CPPFLAGS=$CPPFLAGS gc_save_LIBS=$LIBS gc_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -pthread -D_REENTRANT"
  gc_ei_found=no
  AS_IF([test "$with_erlang_root" = auto], [
    LIBS="-lei $LIBS"
    AC_MSG_CHECKING([for ei in the default path])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <ei.h>]], [[return ei_init();]])], [gc_ei_found=yes])
    AC_MSG_RESULT([$gc_ei_found])
    LIBS=$gc_save_LIBS
  ])
  AS_IF([test $gc_ei_found = no], [
    AS_IF([test "$with_erlang_root" = auto], [
      AC_PATH_PROG([ERL], [erl], [])
      AS_IF([test -n "$ERL"], [
        with_erlang_root=`$ERL -noshell -noinput -eval 'io:put_chars(code:root_dir()),halt().'`
      ])
    ])
    AC_MSG_CHECKING([for ei under the Erlang root $with_erlang_root])
    for gc_dir in "$with_erlang_root"/lib/erl_interface-* "$with_erlang_root"/usr; do
      AS_IF([test -f "$gc_dir/include/ei.h" && test -f "$gc_dir/lib/libei.a"], [
        EI_CFLAGS="-D_REENTRANT -I$gc_dir/include"
        EI_LIBS="-L$gc_dir/lib -lei"
        gc_ei_libdir=$gc_dir/lib
      ])
    done
    CPPFLAGS="$CPPFLAGS $EI_CFLAGS"
    LIBS="$EI_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <ei.h>]], [[return ei_init();]])], [gc_ei_found=yes])
    AC_MSG_RESULT([$gc_ei_found])
  ])
  CPPFLAGS="$gc_save_CPPFLAGS $EI_CFLAGS"
  LIBS="$EI_LIBS $gc_save_LIBS"
  AS_IF([test $gc_ei_found = no],
    [AC_MSG_ERROR([ei (erl_interface 4 or newer) not found; Debian: erlang-dev, or --with-erlang-root=DIR])])
  AC_CHECK_FUNC([ei_connect_xinit_ussi], [], [AC_MSG_ERROR([this ei has no ei_connect_xinit_ussi])])
  CPPFLAGS=$gc_save_CPPFLAGS LIBS=$gc_save_LIBS CFLAGS=$gc_save_CFLAGS
  AS_IF([test -n "$ERL"], [], [AC_PATH_PROG([ERL], [erl], [])])
  gc_ei_version=unknown
  AS_IF([test -n "$ERL"], [
    gc_ei_version=`$ERL -noshell -noinput -eval 'io:put_chars(filename:basename(code:lib_dir(erl_interface))),halt().' 2>/dev/null || echo unknown`
  ])
  AC_DEFINE_UNQUOTED([GC_EI_VERSION], ["$gc_ei_version"], [erl_interface at build time])
  AC_SUBST([EI_CFLAGS])
  AC_SUBST([EI_LIBS])
])
