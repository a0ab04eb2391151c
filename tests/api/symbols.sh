#!/bin/sh
# symbols.sh LIBRARY VERSION_NODE - the library shows dmp_ names and nothing else
set -eu
others=$(nm -D --defined-only "$1" | awk '{print $3}' | grep -vE "^(dmp_|$2\$)" || true)
[ -z "$others" ] || {
	echo "exported beside dmp_*: $others"
	exit 1
}
nm -D --defined-only "$1" | grep -q ' dmp_' || {
	echo "exports nothing"
	exit 1
}
