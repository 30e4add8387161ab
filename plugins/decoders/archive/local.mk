# see plugins/decoders/archive
