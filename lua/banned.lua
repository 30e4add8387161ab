-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- Rules for banned parts, ready to be named in the setting banned_rules:
--
--     require "banned"
--     amavis.settings{ banned_rules = "default, undecipherable, windows" }
--
-- archives-allowed and documents-allowed hold exceptions: they must stand first.

amavis.banned_rule("undecipherable", {
	{ deny = { undecipherable = true }, label = "cannot be looked into" },
})

amavis.banned_rule("external", {
	{ deny = { declared = { "message/partial", "message/external-body" } },
	  label = "message in pieces or elsewhere" },
})

amavis.banned_rule("windows", {
	{ deny = { regex = [[\.(ade|adp|app|bas|chm|cnt|com|cpl|crt|csh|fxp|gadget|grp|hlp|hpj|hta|inf|ins|isp|its|jar|jnlp|js|jse|ksh|lnk|mad|maf|mag|mam|maq|mar|mas|mat|mau|mav|maw|mcf|mda|mdb|mde|mdt|mdw|mdz|msc|msh|msi|msp|mst|ops|osd|pcd|pl|plg|prf|prg|ps1|ps1xml|ps2|psc1|reg|scf|sct|shb|shs|theme|tmp|url|vb|vbe|vbp|vbs|vsmacros|vsw|vxd|webpnp|website|ws|wsc|wsf|wsh|xnk)$]] },
	  label = "extension that Windows runs" },
	{ deny = { type = { ".exe", ".dll", ".lnk" } }, label = "program or link" },
	{ deny = { name = { "*.iso", "*.img", "*.vhd", "*.vhdx", "*.wim" } }, label = "disk image" },
})

amavis.banned_rule("archives-allowed", {
	{ allow = { type = { ".zip", ".gz", ".bz2", ".xz", ".tar", ".7z", ".rar" } } },
})

return true
