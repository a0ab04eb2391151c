#!/bin/sh
# run.sh - set up, build, and do the main job: the bundled traces over every route
#
#   bench/run.sh [ARGUMENT of dmapool replay...]     for example --json out.json
#
# A trace named beside the options is replayed before the bundled ones.
set -u

here=$PWD
cd "$(dirname "$0")/.." || exit 2
root=$PWD
. tests/setup.sh

# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES
mkdir -p build
configure build/bench -Dbuildtype=release -Dtests=disabled
compile build/bench
cd "$here" || exit 2
exec "$root/build/bench/bench/dmapool" replay "$@" "$root"/bench/traces/*.txt.xz
