# see plugins/quarantine/file
