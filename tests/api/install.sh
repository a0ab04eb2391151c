#!/bin/sh
# install.sh DIR - what is installed can be used: with pkg-config, as a subproject, static
#
# DIR is made anew and holds everything that this does.
set -eu

root=$(pwd)
rm -rf "$1"
mkdir -p "$1"
dir=$(cd "$1" && pwd)

echo "install"
meson setup "$dir/build" -Dbuildtype=release -Dtests=disabled -Dbench=disabled \
	--prefix "$dir/usr" --libdir lib >"$dir/log" 2>&1
meson install -C "$dir/build" >>"$dir/log" 2>&1
if find "$dir/usr" -name '*.a' | grep -q .; then
	echo "an archive with internal names was installed"
	exit 1
fi

echo "programs that find it with pkg-config"
export PKG_CONFIG_PATH="$dir/usr/lib/pkgconfig"
flags=$(pkg-config --cflags --libs dmapool-sim dmapool) # spaces in paths are escaped
for program in example linux_iova; do
	eval "cc -std=c11 -Wall -Wextra -Wpedantic -Werror \"\$root/tests/api/\$program.c\" \
		-o \"\$dir/\$program\" $flags -Wl,-rpath,\"\$dir/usr/lib\""
	"$dir/$program"
done

echo "loaded with dlopen"
cc -std=c11 -Wall -Wextra -Wpedantic -Werror -D_GNU_SOURCE "$root/tests/api/load.c" -o "$dir/load" -ldl
"$dir/load" "$dir/usr/lib/libdmapool.so"

for how in shared static; do
	echo "a project with it as a subproject, $how"
	parent=$dir/parent-$how
	mkdir -p "$parent/subprojects"
	ln -s "$root" "$parent/subprojects/dmapool"
	cp "$root/tests/api/example.c" "$parent"
	cat >"$parent/meson.build" <<'M'
project('parent', 'c')
lib = subproject('dmapool', default_options: ['tests=disabled', 'bench=disabled'])
deps = [lib.get_variable('dmapool_dep'), lib.get_variable('dmapool_sim_dep')]
test('example', executable('example', 'example.c', dependencies: deps))
M
	meson setup "$parent/build" "$parent" -Ddefault_library=$how >>"$dir/log" 2>&1
	meson test -C "$parent/build" >>"$dir/log" 2>&1 || {
		tail -n 30 "$dir/log"
		exit 1
	}
done
