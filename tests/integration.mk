# Run by tools/check against an installed daemon, not by `make check`.  Folders that a build also
# makes (tests/bench) are listed file by file, or its objects would be packed too.
EXTRA_DIST += tests/integration tests/hostile tools tests/bench/README.md tests/bench/start tests/bench/peer
