#!/bin/sh
# command.sh DMAPOOL SOURCE_ROOT - an answer that cannot be written is no good answer
set -u
for arguments in --help --version "conform $2/tests/vectors/iova/a1_rbtree_32bit.txt"; do
	# shellcheck disable=SC2086 # a list of words
	said=$("$1" $arguments 2>&1 >/dev/full)
	status=$?
	[ $status -eq 2 ] && [ "$said" = "dmapool: cannot write the answer to standard output" ] || {
		echo "dmapool $arguments >/dev/full: status $status, said '$said'"
		exit 1
	}
done
