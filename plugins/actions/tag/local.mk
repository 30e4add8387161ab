# see plugins/actions/tag
