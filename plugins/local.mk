include plugins/scanners/clamav/local.mk
include plugins/scanners/spamd/local.mk
include plugins/decoders/archive/local.mk
include plugins/decoders/office/local.mk
include plugins/decoders/rtf/local.mk
include plugins/decoders/onenote/local.mk
include plugins/actions/tag/local.mk
include plugins/quarantine/file/local.mk
