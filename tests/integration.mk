# Run by tools/check against an installed daemon, not by `make check`.
EXTRA_DIST += tests/integration tests/bench tools
