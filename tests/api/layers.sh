#!/bin/sh
# layers.sh SOURCE_ROOT BUILD_ROOT - the boundaries between the layers hold
#
# Proves that a layer cannot include another folder's header, cannot call upwards in its own
# unit test's link, that the names of threads, clocks and grace periods stay behind the
# port, and that the simulator is written with public headers only.
set -u
src=$1
build=$2
cc=${CC:-cc}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

fail() {
	echo "FAILED: $*"
	bad=1
}

# What the build gives to a source of the iova layer: folders, language, macros.
flags=$(grep '"command":.*-c [^ ]*lib/iova/iova_linux\.c"' "$build/compile_commands.json" |
	head -n 1 | tr ' ' '\n' | grep -E '^-(I|isystem|std=|D)')
[ -n "$flags" ] || fail "compile_commands.json has no lib/iova/iova_linux.c"
# Its folders are relative to the build's root.
cd "$build" || exit 1

printf '#include "iova_internal.h"\nint main(void) { return 0; }\n' >"$tmp/own.c"
# shellcheck disable=SC2086 # a list of words
$cc $flags -I"$src/lib/iova" -fsyntax-only "$tmp/own.c" || fail "the check itself cannot compile"
for header in dma_internal.h domain_internal.h iommu_internal.h hw_call.h; do
	printf '#include "%s"\n' "$header" >"$tmp/wrong.c"
	# shellcheck disable=SC2086 # a list of words
	if $cc $flags -I"$src/lib/iova" -fsyntax-only "$tmp/wrong.c" 2>/dev/null; then
		fail "lib/iova can include $header"
	fi
done

cat >"$tmp/call.c" <<'C'
#include <dmapool.h>
int main(void)
{
	struct dmp_iova_domain *dom;
	dmp_addr_t addr;
	return dmp_iova_create(NULL, &dom) + CALL;
}
C
link_with_iova() {
	# shellcheck disable=SC2086 # a list of words
	$cc $flags "-DCALL=$1" "$tmp/call.c" "$build/lib/libdmapool-native-iova.a" \
		"$build/lib/libdmapool-native-base.a" $LINK_ARGS -lurcu-bp -lpthread \
		-o "$tmp/call" 2>"$tmp/link.log"
}
link_with_iova 0 || fail "the iova layer does not link by itself: $(cat "$tmp/link.log")"
if link_with_iova '(dmp_dma_map(0, 0, 0, DMP_TO_DEVICE, 0, &addr))'; then
	fail "an upward call links in the iova layer"
fi
grep -q 'dmp_dma_map' "$tmp/link.log" || fail "the upward call failed for another reason"

names='pthread_|<stdatomic\.h>|clock_gettime|sched_|urcu'
found=$(grep -rnE "$names" "$src/lib" "$src/sim" --include='*.[ch]' | grep -v '/lib/base/')
[ -z "$found" ] || fail "names that belong behind the port: $found"

found=$(grep -rnE '#include "' "$src/sim" --include='*.[ch]' | grep -v '"sim_')
[ -z "$found" ] || fail "sim/ includes more than public headers: $found"

[ $bad -eq 0 ]
