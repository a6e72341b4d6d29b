# shellcheck shell=bash
# tiers.sh - what ./dev test, check, bench and fuzz run, in order. Sourced by ./dev after
# common.sh. A tier that cannot be built, or that runs nothing, has failed.

passed=0 failed=0 skipped=0
results=test-results
failed_names=()
under=() # words before what runs the tests of a tier, see ordinary_threads

# count TIER KIND FILE: adds up what a report (meson or junit) says.
count() {
	local tier=$1 counts p f s name
	if ! counts=$(/usr/bin/python3 tools/results.py "$2" "$3"); then
		failed=$((failed + 1))
		failed_names+=("$tier: no test of it ran")
		return
	fi
	{
		read -r p f s
		while IFS= read -r name; do
			failed_names+=("$tier: $name")
		done
	} <<<"$counts"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	say "$tier: $p passed, $f failed, $s skipped"
}

# tier_failed TIER WHAT: one failed test for what is not a test itself.
tier_failed() {
	failed=$((failed + 1))
	failed_names+=("$1: $2")
	say "$1: FAILED: $2"
}

# meson_tier TIER DIR PROCESSES OPTION...: runs meson tests. Its exit status is not asked: the
# report says it, and a missing report is a failure.
meson_tier() {
	local tier=$1 dir=$2 processes=$3
	shift 3
	rm -f "$dir/meson-logs/testlog.json"
	fixed_addresses "${under[@]}" meson test -C "$dir" --num-processes "$processes" \
		--print-errorlogs "$@" \
		</dev/null || true
	count "$tier" meson "$dir/meson-logs/testlog.json"
}

# report_of TIER: where its junit report lies.
report_of() {
	printf '%s/%s.xml\n' "$results" "${1// /-}"
}

# pytest_run TIER BUILD [OPTION...] FOLDER...: runs them, to be counted later.
pytest_run() {
	local tier=$1 build=$2
	shift 2
	rm -f "$(report_of "$tier")"
	fixed_addresses "${under[@]}" env DALABA_BUILD="$PWD/$build" /usr/bin/python3 -m pytest -v \
		-p no:cacheprovider --tb=short --color=no --junit-xml="$(report_of "$tier")" "$@" \
		</dev/null || true
}

# pytest_tier TIER BUILD [OPTION...] FOLDER...
pytest_tier() {
	pytest_run "$@"
	count "$1" junit "$(report_of "$1")"
}

# What needs nothing but processors is done behind tests that wait for sound, one after the
# other, and only while these leave a processor free (SCHED_IDLE): ahead NAME COMMAND... starts
# it, ahead_end NAME waits for it, says what it said and returns its status.
declare -A ahead_pids=()

ahead() {
	local name=$1
	shift
	# A process group of its own, so that it ends with us.
	set -m
	(
		set +em
		chrt --idle --pid 0 "$BASHPID"
		flock 9
		"$@"
	) >"$results/$name.log" 2>&1 9>"$results/ahead.lock" </dev/null &
	set +m
	ahead_pids[$name]=$!
}

ahead_end() {
	local status=0
	wait "${ahead_pids[$1]}" || status=$?
	unset "ahead_pids[$1]"
	cat "$results/$1.log"
	return "$status"
}

ahead_stop() {
	local pid
	for pid in "${ahead_pids[@]}"; do
		kill -- "-$pid" 2>/dev/null || true
	done
}

tier_sanitized() {
	say "1/6 build-asan: gcc with address and undefined-behaviour sanitizers (2 minutes)"
	local built=1
	build_asan || built=
	if [[ -n $built ]]; then
		say "1/6 unit and simulation tests under both sanitizers (2 minutes)"
		meson_tier "sanitized" build-asan "$jobs" --no-suite engine
	else
		tier_failed "build-asan" "it does not build"
	fi
	ahead build-tsan build_threads
	ahead build-clang build_clang
	ahead simulation pytest_run "simulation" build-asan tests/simulation
	[[ -n $built ]] || return 0
	say "1/6 the engine's tests, which wait for sound (1 minute); behind them the next builds"
	meson_tier "engine" build-asan "$((2 * jobs))" --suite engine
}

build_threads() {
	build_tsan && compile build-tsan
}

tier_integration() {
	say "2/6 integration: the sanitized daemon as a whole, on real ALSA (7 minutes)"
	if [[ ! -x build-asan/dalabad ]]; then
		tier_failed "integration" "there is no sanitized daemon to test"
		return
	fi
	pytest_tier "integration" build-asan tests/integration
}

tier_ahead() {
	say "3/6 build-clang: everything once more with clang, where a warning is an error"
	if ahead_end build-clang; then
		passed=$((passed + 1))
	else
		tier_failed "build-clang" "clang does not build it without warnings"
	fi
	say "3/6 dalabactl next and the almanac; rules against a walk over every minute of twenty years," \
		"20,000 against brute force"
	ahead_end simulation || true # its report is asked
	count "simulation" junit "$(report_of simulation)"
}

tier_threads() {
	say "4/6 build-tsan: what has threads, under the thread sanitizer (1 minute)"
	if ! ahead_end build-tsan; then
		tier_failed "build-tsan" "it does not build"
		return
	fi
	local under
	ordinary_threads
	meson_tier "thread sanitizer" build-tsan "$jobs" --suite threads
	say "4/6 the whole daemon under it: alerts, calls, recordings, cards that fail (2 minutes)"
	pytest_tier "threads" build-tsan -m threads tests/integration
}

tier_tooling() {
	say "5/6 floors, units and scripts (half a minute)"
	pytest_tier "tooling" build-asan tests/tooling
}

tier_realcard() {
	say "6/6 real drivers: ALSA's hw: cards on a kernel in an emulated machine (8 minutes)"
	if [[ ! -x build-clang/dalabad ]]; then
		tier_failed "real cards" "there is no daemon to test"
		return
	fi
	pytest_tier "real cards" build-clang tests/realcard
}

# tiers TIER...: all of them, whatever becomes of one; then the sums.
tiers() {
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
	export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	# A thread whose driver never returns is left behind on purpose (docs/audio.md): no leak.
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:report_thread_leaks=0
	local start=$SECONDS tier
	mkdir -p "$results"
	trap ahead_stop EXIT
	for tier in "$@"; do
		"tier_$tier"
	done
	say "all tiers took $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"
	((${#failed_names[@]} == 0)) || printf 'FAILED %s\n' "${failed_names[@]}"
	if ((skipped)); then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	((failed == 0))
}

tiers_run() {
	tiers sanitized integration ahead threads tooling realcard
}

# tsan: everything that has threads, under their sanitizer.
tier_tsan() {
	build_threads || {
		tier_failed "build-tsan" "it does not build"
		return
	}
	local under
	ordinary_threads
	meson_tier "thread sanitizer" build-tsan "$jobs" --suite threads
	pytest_tier "threads" build-tsan tests/integration
}

# checks: each says what it looks at; all run, then the exit status tells.
check_one() {
	local name=$1
	shift
	say "$name"
	"$@" || failed_names+=("$name")
}

# c_files FOLDER...: each ends with NUL.
c_files() {
	find "$@" -name '*.[ch]' -print0 | sort -z
}

check_format() {
	c_files audio daemon schedule tests web-admin | xargs -0 clang-format --dry-run -Werror
}

check_tidy() {
	configure build-clang clang && compile build-clang >/dev/null || return 1
	sed -n 's|.*"file": "\.\./\([^"]*\.c\)".*|\1|p' build-clang/compile_commands.json |
		grep -v '^tests/' | sort -u | xargs -n 4 -P "$jobs" clang-tidy -p build-clang --quiet --warnings-as-errors='*' \
			2>build-clang/tidy.err || {
		grep -v 'warnings generated' build-clang/tidy.err >&2 || true
		return 1
	}
}

check_cppcheck() {
	cppcheck --quiet --std=c11 --language=c -j "$jobs" --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability --suppressions-list=tools/cppcheck.txt \
		-D_GNU_SOURCE -DDALABA_VERSION='""' -I. -Idaemon audio daemon schedule web-admin
}

check_shell() {
	shellcheck -x dev .ci/run tests/realcard/boot tests/realcard/kernel tests/realcard/*.sh
}

checks_run() {
	check_one "clang-format: every C file as .clang-format says" check_format
	check_one "floors: includes point down, library headers stay with their owner" \
		/usr/bin/python3 tools/floors.py
	check_one "lengths: functions under 60 lines, files under 800" \
		/usr/bin/python3 tools/lengths.py
	check_one "shellcheck: the scripts" check_shell
	check_one "clang-tidy: see .clang-tidy (2 minutes)" check_tidy
	check_one "cppcheck (1 minute)" check_cppcheck
	check_one "systemd-analyze: the unit's exposure is 2.0 or better" \
		/usr/bin/python3 tools/exposure.py
	if ((${#failed_names[@]})); then
		printf 'NOT CLEAN: %s\n' "${failed_names[@]}"
		return 1
	fi
	say "all checks are clean"
}

bench_run() {
	local program ran=0
	for program in build-bench/tests/bench/bench_*; do
		[[ -f $program && -x $program ]] || continue
		say "${program##*/}"
		"$program" </dev/null
		ran=$((ran + 1))
	done
	for program in tests/bench/bench_*.py; do
		[[ -f $program ]] || continue
		say "${program##*/}"
		DALABA_BUILD=$PWD/build-bench /usr/bin/python3 "$program" </dev/null
		ran=$((ran + 1))
	done
	((ran)) || die "there is nothing to measure in tests/bench"
	say "figures of other machines, and how they were made: docs/benchmarks.md"
}

# fuzz_one PROGRAM SECONDS: the kept corpus is read only, new inputs go to a scratch folder.
fuzz_one() {
	local program=$1 seconds=$2 name=${1##*/fuzz_} scratch words=()
	scratch=build-fuzz/corpus/$name
	mkdir -p "$scratch" fuzz-findings
	[[ ! -f tests/fuzz/$name.dict ]] || words=(-dict="tests/fuzz/$name.dict")
	say "fuzz_$name: $seconds s, corpus tests/fuzz/corpus/$name, new inputs in $scratch"
	fixed_addresses "$program" -max_total_time="$seconds" -verbosity=0 -print_final_stats=1 \
		-timeout=10 -rss_limit_mb=1024 -artifact_prefix="fuzz-findings/$name-" "${words[@]}" "$scratch" \
		"tests/fuzz/corpus/$name" </dev/null
}

fuzz_run() {
	local program source bad=()
	configure build-fuzz clang -Dtests=false -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all
	compile build-fuzz
	for source in tests/fuzz/fuzz_*.c; do
		[[ -f $source ]] || die "there is no target tests/fuzz/fuzz_*.c"
		program=build-fuzz/tests/fuzz/$(basename "$source" .c)
		[[ -x $program ]] || die "$source is not in tests/fuzz/meson.build"
		fuzz_one "$program" "$1" || bad+=("${program##*/}")
	done
	if ((${#bad[@]})); then
		die "found something: ${bad[*]}. The inputs are in fuzz-findings/; build-fuzz/tests/fuzz/TARGET INPUT shows it again"
	fi
	say "no target found anything"
}
