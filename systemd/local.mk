# SPDX-License-Identifier: MIT
# Units and the journal's message catalog; a FILE.in becomes FILE.

systemdsystemunit_units = \
	systemd/echod.service \
	systemd/echod-standalone.service

if ENABLE_ECHOD
dist_systemdsystemunit_DATA = systemd/echod.socket
nodist_systemdsystemunit_DATA = $(systemdsystemunit_units)
dist_systemdcatalog_DATA = systemd/echod.catalog
endif
EXTRA_DIST += $(systemdsystemunit_units:=.in)
CLEANFILES += $(systemdsystemunit_units)

# Older managers complain of what they do not know.
if !MANAGER_PRESERVES_STORE
unit_edit = -e 's|^FileDescriptorStorePreserve=|\#&|'
endif

# By make, not by configure: $(sbindir) contains ${exec_prefix} there.
$(systemdsystemunit_units): %: %.in Makefile
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(SED) -e 's|@sbindir[@]|$(sbindir)|g' $(unit_edit) \
		$(srcdir)/$@.in >$@
