#!/bin/sh
# readme.sh SOURCE_ROOT - the example in README.md is the one that the tests run
set -eu
sed -n '/^```c$/,/^```$/p' "$1/README.md" | sed '1d;$d' | diff - "$1/tests/api/example.c" || {
	echo "README.md and tests/api/example.c differ"
	exit 1
}
if grep -nE '^[A-Z_]{5,}$' "$1/README.md"; then
	echo "README.md: a placeholder is left"
	exit 1
fi
