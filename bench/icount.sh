#!/bin/sh
# icount.sh - instructions of a pair, the loop around it included, counted by valgrind's callgrind
#
#   icount.sh [DIR]                         a table of the helper programs in DIR
#   icount.sh DIR/pair-X ours|floor BATCH   one number
#
# DIR is the bench/ of a build; default: where this script is, then that of bench/run.sh's build.
# Each program runs twice, with few and with many pairs: the difference has neither start-up nor
# warm-up in it.  Needs a release build: others verify while they run.
set -u

FEW=12800   # pairs; of every batch, a multiple
MANY=64000
RUNS=2      # a helper does its rounds once to warm up and once as the sample

fail() {
	echo "icount.sh: $*" >&2
	exit 2
}

# collected PROGRAM WHAT BATCH PAIRS: instructions of the whole process
collected() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" count "$3" $(($4 / $3)) "$2" 2>&1 |
		sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p'
}

# count PROGRAM WHAT BATCH: instructions a pair, with one decimal
count() {
	[ -x "$1" ] || fail "no program '$1'; build it: ninja bench/$(basename "$1")"
	few=$(collected "$1" "$2" "$3" $FEW)
	many=$(collected "$1" "$2" "$3" $MANY)
	case "$few:$many" in :* | *:) fail "'$1 count $3 ... $2' under valgrind gives no figure" ;; esac
	pairs=$((RUNS * (MANY / $3 - FEW / $3) * $3))
	tenths=$((((many - few) * 10 + pairs / 2) / pairs))
	echo $((tenths / 10)).$((tenths % 10))
}

# A pair of bounce slots that is the 128th at once does not fit into a pool that is nearly full.
table() {
	printf '%-40s %10s %10s\n' 'instructions a pair' 'batch 1' 'batch 128'
	while read -r program what batches name; do
		one=$(count "$1/$program" "$what" 1) || exit 2
		many=-
		if [ "$batches" = 1,128 ]; then
			many=$(count "$1/$program" "$what" 128) || exit 2
		fi
		printf '%-40s %10s %10s\n' "$name" "$one" "$many"
	done <<-END
		pair-shared floor 1,128 floor
		pair-shared ours 1,128 cached pair, shared library
		pair-static ours 1,128 cached pair, static library
		pair-glibc ours 1,128 malloc(64) of glibc
		pair-jemalloc ours 1,128 malloc(64) of jemalloc
		pair-bounce-empty ours 1,128 slots for 4 KiB, empty pool
		pair-bounce-full ours 1 slots for 4 KiB, 99 % in use at random
	END
}

command -v valgrind >/dev/null || fail "valgrind is not installed; try: apt install valgrind"
here=$(dirname "$0")
case $# in
0)	[ -x "$here/pair-shared" ] || here=$here/../build/bench/bench
	table "$here" ;;
1)	table "$1" ;;
3)	case $2 in ours | floor) ;; *) fail "'$2' should be ours or floor" ;; esac
	[ "$3" -ge 1 ] 2>/dev/null || fail "batch '$3' should be 1 to 1024"
	[ "$3" -le 1024 ] || fail "batch '$3' should be 1 to 1024"
	count "$@" ;;
*)	fail "usage: icount.sh [DIR] | icount.sh DIR/pair-X ours|floor BATCH" ;;
esac
