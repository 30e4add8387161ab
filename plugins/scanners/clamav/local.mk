# see plugins/scanners/clamav
