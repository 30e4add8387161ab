#!/bin/bash
# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# The Debian packages that building, the demonstration and the tests need.  Sourced by quickstart and
# check:  packages_install SET...  Sourced by tests as well, for the MTAs of which only one can be installed:
# packages_unpack NAME...

packages_build="build-essential autoconf automake libtool pkg-config
	libglib2.0-dev libgmime-3.0-dev libjson-glib-dev liblua5.4-dev libmagic-dev libssl-dev
	libseccomp-dev libcap-ng-dev libidn2-dev libsystemd-dev libclamav-dev libarchive-dev
	libsasl2-dev zlib1g-dev libqpdf-dev libsoup-3.0-dev file"
packages_demo="python3-minimal python3 procps"
packages_test="openssl python3 procps postfix swaks sasl2-bin libsasl2-modules msmtp curl spamassassin spamd clamav-testfiles lua5.4 mandoc
	clang libclang-rt-14-dev xz-utils zip p7zip-full cpio genisoimage gcab lz4 zstd lzip bzip2
	libgsf-bin gzip rpm mount passwd git ca-certificates
	arj arc nomarch lzop lrzip wimtools msitools cabextract lhasa jlha-utils unar amavisd-new amavisd-milter miltertest
	libgnutls-dane0 libidn12 libnsl2 libevent-2.1-7 libwrap0 liblockfile1 m4"
# of MTAs only one can be installed; these are unpacked
packages_mtas="exim4-daemon-light exim4-config opensmtpd sendmail-bin sendmail-base sendmail-cf"

# Installs what is missing of the named sets; needs root only when something is.
packages_install() {
	local set name missing=() sudo=
	for set; do
		set=packages_$set
		for name in ${!set}; do
			dpkg-query -W -f '${Status}' "$name" 2>/dev/null |
				grep -q '^install ok installed' || missing+=("$name")
		done
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || {
			echo "these packages are missing, run as root: ${missing[*]}" >&2
			return 1
		}
		sudo=sudo
	fi
	echo "installing: ${missing[*]}"
	$sudo apt-get -q update >/dev/null || return 1
	# no service may start here: the tests start what they need, where they need it
	local policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null &&
			$sudo chmod 755 $policy && made=1
	fi
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
		"${missing[@]}" >/tmp/amavisd-packages.$$ 2>&1
	local status=$?
	[ -n "$made" ] && $sudo rm -f $policy
	[ $status -eq 0 ] || tail -n 30 /tmp/amavisd-packages.$$ >&2
	rm -f /tmp/amavisd-packages.$$
	return $status
}

# Unpacks packages that cannot be installed beside Postfix and prints the folder of each; what they link to is in
# packages_test.  Fetched once, into a folder that nobody else can write to.
packages_unpack() {
	local name folder=${AM_UNPACKED:-/var/cache/amavisd-tests}
	mkdir -p -m 755 "$folder" && [ -O "$folder" ] || {
		echo "no folder of ours: $folder" >&2
		return 1
	}
	for name; do
		if [ ! -d "$folder/$name" ]; then
			(
				new=$(mktemp -d "$folder/$name.XXXXXX") || exit 1
				trap 'rm -rf "$new"' EXIT
				chmod 755 "$new" && mkdir "$new/root" && cd "$new" || exit 1
				# a list of packages that is too old, or not there
				apt-get -q download "$name" >/dev/null 2>&1 ||
					{ apt-get -q update >/dev/null && apt-get -q download "$name" 1>&2; } || exit 1
				dpkg -x ./*.deb root || exit 1
				mv -T root "../$name" || [ -d "../$name" ]
			) || return 1
		fi
		echo "$folder/$name"
	done
}
