# shellcheck shell=sh
# setup.sh - sourced by tests/run.sh and bench/run.sh: installs what is missing
#
# On Debian the packages are asked for by name and installed with apt-get, with sudo where
# that is needed; nothing happens, quickly, when nothing is missing.  Elsewhere the build
# itself says what it does not find.

# What the library, the simulator and the command are built with.
BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config liburcu-dev libbsd-dev
libjansson-dev libpopt-dev liblzma-dev libjemalloc-dev"

# What the tests need beyond that.
TEST_PACKAGES="libcmocka-dev valgrind clang-format g++"

say() {
	printf '== %s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 2
}

missing_packages() {
	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || printf '%s ' "$package"
	done
}

# need_packages NAME... - installed when it returns
need_packages() {
	command -v dpkg-query >/dev/null || return 0
	missing=$(missing_packages "$@")
	[ -z "$missing" ] && return 0
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "missing: $missing- not root and no sudo: as root run 'apt-get install $missing'"
		as_root=sudo
	fi
	say "installing $missing"
	apt_log=$(mktemp)
	# shellcheck disable=SC2086 # a list of words
	{ $as_root apt-get update -qq &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends $missing; } >"$apt_log" 2>&1 || {
		tail -n 5 "$apt_log" >&2
		die "could not install: $missing- the whole output is in $apt_log"
	}
	rm -f "$apt_log"
}

# configure DIR OPTION... - a build directory with just these options and compilers
configure() {
	dir=$1
	shift
	options="$* CC=${CC:-} CXX=${CXX:-} CFLAGS=${CFLAGS:-} LDFLAGS=${LDFLAGS:-}"
	if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.options" 2>/dev/null)" = "$options" ]; then
		return 0
	fi
	rm -rf "$dir"
	meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
		tail -n 20 "$dir.log" >&2
		die "meson setup $dir failed; the whole output is in $dir.log"
	}
	mv "$dir.log" "$dir/setup.log"
	printf '%s\n' "$options" >"$dir/.options"
}

compile() {
	ninja -C "$1" >"$1/ninja.log" 2>&1 || {
		grep -E -A 8 'error|FAILED' "$1/ninja.log" | head -n 60 >&2
		die "building $1 failed; the whole output is in $1/ninja.log"
	}
}
