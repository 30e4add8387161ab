# see plugins/scanners/spamd
