# shellcheck shell=bash
# common.sh - what every command of ./dev needs: words on the terminal, packages, builds.
# Sourced by ./dev, which has set -euo pipefail and stands in the project's folder.

# Debian's own tools come first: another python or meson in PATH has none of our modules.
export PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
# Lines appear as they are written, also through a pipe.
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A compiler or flags left in the environment would build something else than we say.
unset CC CXX CFLAGS CPPFLAGS LDFLAGS PYTHONPATH PYTHONHOME
jobs=$(nproc)

say() {
	printf '== %s\n' "$*"
}

die() {
	printf './dev: %s\n' "$*" >&2
	exit 1
}

# packages_of USE...: the packages that stand under these headings of packages.txt.
packages_of() {
	awk -v uses=" $* " '
		/^# [a-z]+: / { use = substr($2, 1, length($2) - 1) }
		/^[^#[:space:]]/ && index(uses, " " use " ") { print $1 }' packages.txt
}

# install_packages USE...: installs what is missing, and only then needs network and root.
install_packages() {
	local all missing=() root=() package
	command -v dpkg-query >/dev/null || die "this needs Debian 12 or newer (no dpkg here);" \
		"elsewhere install what packages.txt names and use meson"
	mapfile -t all < <(packages_of "$@")
	for package in "${all[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	((${#missing[@]})) || return 0
	say "installing ${#missing[@]} Debian packages (a few minutes): ${missing[*]}"
	if [[ $(id -u) != 0 ]]; then
		command -v sudo >/dev/null || die "not root, and no sudo here. As root: apt-get install ${missing[*]}"
		root=(sudo)
	fi
	# A stale list of packages is worth a try, so a failing update is not the end.
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update </dev/null ||
		say "apt-get update failed; trying with the lists that are here"
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install \
		--no-install-recommends "${missing[@]}" </dev/null ||
		die "could not install: ${missing[*]}. Is there a network, and a Debian mirror in /etc/apt?"
}

# configure DIR COMPILER OPTION...: meson setup, again where the options have changed.
configure() {
	local dir=$1 compiler=$2
	shift 2
	local options="$compiler $*"
	if [[ -f $dir/build.ninja ]]; then
		# A build somebody set up by hand is theirs.
		[[ -f $dir/dev-options ]] || { say "$dir was set up by hand and is used as it is"; return 0; }
		[[ $(<"$dir/dev-options") != "$options" ]] || return 0
	fi
	rm -rf "$dir"
	CC=$compiler meson setup "$dir" "$@" >"$dir.log" 2>&1 </dev/null || {
		cat "$dir.log" >&2
		return 1
	}
	rm -f "$dir.log"
	printf '%s\n' "$options" >"$dir/dev-options"
}

# compile DIR TARGET...: everything where no target is named.
compile() {
	ninja -j "$jobs" -C "$@" </dev/null
}

build_plain() {
	configure build gcc -Dtests=false && compile build
}

build_asan() {
	configure build-asan gcc -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all && compile build-asan
}

build_tsan() {
	configure build-tsan gcc -Db_sanitize=thread -Db_lundef=false
}

build_clang() {
	configure build-clang clang && compile build-clang
}

# ordinary_threads: the words before a command that refuse it real-time priority, into $under. The
# thread sanitizer keeps its own state behind locks that spin: a thread at SCHED_FIFO that waits
# for one keeps its holder off the processor, for good on a machine with two.
ordinary_threads() {
	under=(prlimit --rtprio=0:0)
	# Who may drop it has a capability that counts for more than the limit.
	if setpriv --bounding-set=-sys_nice true 2>/dev/null; then
		under+=(setpriv --inh-caps=-sys_nice --bounding-set=-sys_nice)
	fi
}

# The sanitizers of Debian 12 place their shadow at fixed addresses, which newer kernels
# may have given to a library: run them without address randomisation where that is allowed.
fixed_addresses() {
	if setarch -R true 2>/dev/null; then
		setarch -R "$@"
	else
		"$@"
	fi
}
