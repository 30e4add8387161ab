# The configuration as shipped: commented defaults.
confddir = $(amconfdir)/conf.d
dist_confd_DATA = conf.d/50-policy.lua
