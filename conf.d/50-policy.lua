-- Policy of amavisd.  Every line of code here is a comment: as shipped, the defaults hold (see
-- docs/policy.md for all settings and hooks).  Remove the two dashes of what you want; to keep
-- upgrades easy write a file of your own, such as 60-site.lua: files are read in the order of their
-- names, and of two declarations for the same the later wins.
--
-- `amavisctl config check` finds mistakes, with file and line, without disturbing a running daemon.

-- For everyone.  Local domains are those whose mail gets tags and X-Spam fields.
--amavis.settings{
--	local_domains = { "example.org", ".example.org" },
--	virus_destiny = "discard",
--	banned_destiny = "discard",
--	spam_destiny = "pass",
--	kill_level = 6.31,
--	bad_header_destiny = "pass",
--}

-- Mail to these people passes whatever is in it, so that they can be told of problems.
--amavis.settings{
--	for_recipient = { "postmaster@example.org", "abuse@example.org" },
--	spam_lover = true,
--	bad_header_lover = true,
--	banned_lover = true,
--}

-- Another level for a domain, and all domains below it.
--amavis.settings{ for_recipient = ".strict.example.org", kill_level = 5, spam_destiny = "reject" }

-- Mail that our own machines send.
--amavis.settings{
--	for_client = { "192.0.2.0/24", "2001:db8::/32" },
--	bypass_spam_checks = true,
--	message_size_limit = "50M",
--}

-- A listener with `policy_banks = ORIGINATING` in its group.
--amavis.settings{ for_bank = "ORIGINATING", virus_destiny = "reject", banned_destiny = "reject" }

-- Rules for banned parts, in order: exceptions first.
--amavis.banned_rule("site", {
--	{ allow = { type = ".pdf" } },
--	{ deny = { name = { "*.js", "*.lnk" } }, label = "script or link" },
--})
--amavis.settings{ banned_rules = "site, default" }

-- A hook: bounces that were made for nobody in particular do not count as spam for the help desk.
--amavis.on("judge", function (mail, rcpt, verdict)
--	if rcpt:address() == "help@example.org" and mail:sender() == "" then
--		verdict.destiny = "pass"
--	end
--end)
