#!/bin/sh
# run.sh - set up, build, and do the main job: the bundled traces over every route
#
#   bench/run.sh [OPTION of dmapool replay...]     for example --json out.json
set -u

cd "$(dirname "$0")/.." || exit 2
. tests/setup.sh

# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES
mkdir -p build
configure build/bench -Dbuildtype=release -Dtests=disabled
compile build/bench
exec build/bench/bench/dmapool replay "$@" bench/traces/*.txt.xz
