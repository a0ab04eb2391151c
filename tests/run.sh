#!/bin/sh
# run.sh - set up, build, and run the tests
#
#   tests/run.sh              the jobs of every day: $DAILY below
#   tests/run.sh all          those and the longer ones
#   tests/run.sh JOB...       only these
#
# The last line is "N passed, N failed"; the exit status is 0 if nothing failed.
set -u

cd "$(dirname "$0")/.." || exit 2
. tests/setup.sh

DAILY="format debug asan tsan memcheck"
MORE="clang release model install bench"

BUILD=build
passed=0
failed=0

# Rounds of the random and threaded tests under a sanitizer or Valgrind.
FEW_ROUNDS=20

# count_log LOG - add up what meson's log of one job says
count_log() {
	ok=$(awk '$1 == "Ok:" {n = $2} END {print n + 0}' "$1")
	bad=$(awk '/^(Fail|Timeout|Unexpected Pass):/ {n += $NF} END {print n + 0}' "$1")
	passed=$((passed + ok))
	failed=$((failed + bad))
}

# meson_test DIR ARGUMENT... - run the tests of a build directory
meson_test() {
	dir=$1
	shift
	log=$dir/run-tests.log
	meson test -C "$dir" --no-rebuild --print-errorlogs "$@" >"$log" 2>&1
	status=$?
	if [ $status -ne 0 ]; then
		grep -vE '^ *[0-9]+/[0-9]+ .* OK ' "$log" | tail -n 150
	fi
	count_log "$log"
	cases=$(cat "$dir"/meson-logs/testlog*.txt |
		awk '/^\[  (PASSED|SKIPPED)  ?\] [0-9]+ test/ {n[$2] += $4} END {
			printf "%d CMocka cases passed, %d skipped", n["PASSED"], n["SKIPPED"]}')
	say "$(basename "$dir"): $ok programs passed, $bad failed; $cases"
	grep -hE '^\[  SKIPPED \] test_' "$dir"/meson-logs/testlog*.txt | sort -u
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
		failed=$((failed + 1))
	fi
	rm -f "$dir"/meson-logs/testlog*.txt
}

# built_job NAME OPTION... - build in a directory of its own, and run the tests there; meson's
# limits of time are for a quiet machine
built_job() {
	dir=$BUILD/$1
	shift
	mkdir -p $BUILD
	configure "$dir" "$@"
	compile "$dir"
	meson_test "$dir" --timeout-multiplier 5
}

one_result() {
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		say "$2: passed"
	else
		failed=$((failed + 1))
		say "$2: failed"
	fi
}

# Without a list of files there is nothing that could be right.
job_format() {
	sources=$(git ls-files '*.c' '*.h') && [ -n "$sources" ] &&
		printf '%s\n' "$sources" | xargs clang-format --dry-run -Werror
	one_result $? format
}

job_debug() {
	built_job debug -Dwerror=true -Dbuildtype=debug -Dchecks=3
}

# A sanitizer's checks make gcc warn of what cannot happen: no -Werror in these two.
job_asan() {
	DMP_TEST_ROUNDS=$FEW_ROUNDS built_job asan -Dbuildtype=debugoptimized -Dchecks=3 \
		-Db_sanitize=address,undefined -Db_lundef=false
}

job_tsan() {
	TSAN_OPTIONS="suppressions='$PWD/.ci/tsan.supp'" DMP_TEST_ROUNDS=$FEW_ROUNDS \
		built_job tsan -Dbuildtype=debugoptimized -Dchecks=3 -Db_sanitize=thread \
		-Db_lundef=false
}

# The programs of the optimised build: half the time of the debug one's.
job_memcheck() {
	mkdir -p $BUILD
	configure $BUILD/memcheck -Dwerror=true -Dbuildtype=debugoptimized -Dchecks=3
	compile $BUILD/memcheck
	DMP_TEST_ROUNDS=$FEW_ROUNDS meson_test $BUILD/memcheck --timeout-multiplier 20 \
		--no-suite api --wrap "valgrind --quiet --leak-check=full \
		--errors-for-leak-kinds=definite --error-exitcode=99 --fair-sched=try \
		--suppressions='$PWD/.ci/valgrind.supp'"
}

job_clang() {
	need_packages clang
	CC=clang built_job clang -Dwerror=true -Dbuildtype=debug -Dchecks=3
}

# With a million attempts at each policy beside each trace; and the tables of
# docs/exposure-traces.md are what is measured.
job_release() {
	DMP_ATTACK_ATTEMPTS=1000000 built_job release -Dwerror=true -Dbuildtype=release
	sh bench/exposure-table.sh --check $BUILD/release
	one_result $? "exposure tables"
}

# Millions of random operations against the models.
job_model() {
	mkdir -p $BUILD
	configure $BUILD/memcheck -Dwerror=true -Dbuildtype=debugoptimized -Dchecks=3
	compile $BUILD/memcheck
	DMP_TEST_ROUNDS=${DMP_MODEL_ROUNDS:-200000} meson_test $BUILD/memcheck --suite model \
		--timeout-multiplier 5
}

job_install() {
	sh tests/api/install.sh $BUILD/install
	one_result $? install
}

# Only that the main job and the measurements run; figures are for quiet machines.
job_bench() {
	sh bench/run.sh >$BUILD/bench-run.log 2>&1
	status=$?
	[ $status -eq 0 ] || tail -n 30 $BUILD/bench-run.log
	one_result $status bench
	$BUILD/bench/bench/dmapool bench iova --preset targets --samples 7 --ms 1 \
		--json $BUILD/bench-iova.json >$BUILD/bench-iova.log 2>&1
	[ "$(grep -c '"case"' $BUILD/bench-iova.json)" -ge 30 ]
	one_result $? "bench iova"
	$BUILD/bench/bench/dmapool bench swiotlb --preset targets --samples 9 --ms 1 \
		--json $BUILD/bench-swiotlb.json >$BUILD/bench-swiotlb.log 2>&1
	[ "$(grep -c '"case"' $BUILD/bench-swiotlb.json)" -eq 19 ]
	one_result $? "bench swiotlb"
	$BUILD/bench/bench/dmapool bench pgtable --preset targets --samples 7 --ms 1 \
		--json $BUILD/bench-pgtable.json >$BUILD/bench-pgtable.log 2>&1
	[ "$(grep -c '"case"' $BUILD/bench-pgtable.json)" -eq 9 ]
	one_result $? "bench pgtable"
	$BUILD/bench/bench/dmapool bench map --preset targets --samples 9 --ms 1 \
		--json $BUILD/bench-map.json >$BUILD/bench-map.log 2>&1
	[ "$(grep -c '"case"' $BUILD/bench-map.json)" -eq 19 ]
	one_result $? "bench map"
}

# shellcheck disable=SC2086 # lists of words
{
	[ $# -eq 0 ] && set -- $DAILY
	[ "$*" = all ] && set -- $DAILY $MORE
}
for job in "$@"; do
	case " $DAILY $MORE " in
	*" $job "*) ;;
	*) die "no job '$job'; there are: $DAILY $MORE, or all alone" ;;
	esac
done
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $TEST_PACKAGES
for job in "$@"; do
	say "$job"
	"job_$job"
done

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
