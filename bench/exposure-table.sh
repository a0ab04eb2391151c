#!/bin/sh
# exposure-table.sh - the tables of docs/exposure-traces.md, between the marks of that page
#
#   bench/exposure-table.sh [BUILD]             writes them; default build/bench, which
#                                               bench/run.sh makes
#   bench/exposure-table.sh --check [BUILD]     only compares: 1 and the difference if they are others
#
# What the simulator counts and the times of the traces: the same on every machine.
set -eu
LC_ALL=C
export LC_ALL

check=no
if [ "${1:-}" = --check ]; then
	check=yes
	shift
fi
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/bench}
page=$root/docs/exposure-traces.md
ways=strict,guest,lazy,lazy:timeout=1ms,lazy:entries=32,lazy-single,on-reuse,manual
ways=$ways,manual:every=10ms,passthrough

table=$(mktemp)
trap 'rm -f "$table" "$table.page"' EXIT
"$build/bench/dmapool" replay --what-if "flush=$ways" "$root"/bench/traces/*.txt.xz >"$table"
awk -v table="$table" '
	/^<!-- end of the tables -->$/ { inside = 0 }
	!inside { print }
	/^<!-- the tables -->$/ {
		inside = 1
		print "```"
		while ((getline line < table) > 0)
			print line
		print "```"
	}
' "$page" >"$table.page"
if [ $check = yes ]; then
	diff "$page" "$table.page"
else
	cat "$table.page" >"$page"
fi
