# The configuration as shipped, relative to amconfdir.  An admin's file is never overwritten.
AM_SHIPPED = amavisd.conf conf.d/10-example.conf conf.d/50-policy.lua
if PLUGIN_COMMAND
AM_SHIPPED += conf.d/20-decoders.conf
endif
EXTRA_DIST += conf.d/amavisd.conf conf.d/10-example.conf conf.d/20-decoders.conf conf.d/50-policy.lua \
	conf.d/amavisd.service.in

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(amconfdir)/conf.d'
	for file in $(AM_SHIPPED); do \
		installed='$(DESTDIR)$(amconfdir)/'$$file; \
		test -e "$$installed" || \
			$(INSTALL_DATA) '$(srcdir)/conf.d/'`basename $$file` "$$installed" || exit 1; \
	done

# What was changed stays.
uninstall-local:
	for file in $(AM_SHIPPED); do \
		installed='$(DESTDIR)$(amconfdir)/'$$file; \
		if cmp -s '$(srcdir)/conf.d/'`basename $$file` "$$installed"; then rm -f "$$installed"; fi; \
	done

if SYSTEMD_UNIT
systemdsystemunit_DATA = conf.d/amavisd.service
CLEANFILES += conf.d/amavisd.service

conf.d/amavisd.service: conf.d/amavisd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf.d && \
		sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@amconfdir[@]|$(amconfdir)|g' \
			'$(srcdir)/conf.d/amavisd.service.in' >$@.tmp && mv $@.tmp $@
endif
