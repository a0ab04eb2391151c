#!/bin/sh
# command.sh DMAPOOL SOURCE_ROOT - an answer that cannot be written is no good answer
set -u
command=$1
vectors=$2/tests/vectors/iova/a1_rbtree_32bit.txt

# refused ARGUMENT... - what the command says of a full device
refused() {
	said=$("$command" "$@" 2>&1 >/dev/full)
	status=$?
	if [ $status -ne 2 ] || [ "$said" != "dmapool: cannot write the answer to standard output" ]; then
		echo "dmapool $* >/dev/full: status $status, said '$said'"
		exit 1
	fi
}

refused --help
refused --version
refused conform "$vectors"
