# shellcheck shell=bash
# guest.sh - what the scripts inside the machine share: the box, its API, its zones. BUILD is
# the build directory; everything the tests look at afterwards goes to /out.
set -euo pipefail
box=/box # in memory

fail() {
	echo "guest: $*" >&2
	exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		((SECONDS < until)) || fail "no $what in time"
		sleep 0.1
	done
}

box_start() {
	mkdir -p $box/data
	cat >$box/dalaba.conf <<-END
		[daemon]
		data_dir = $box/data
		[http]
		listen =
		socket = $box/socket
		[audio]
		buffer_ms = 500
	END
	"$BUILD/dalabad" --config $box/dalaba.conf 2>/out/log &
	box_pid=$!
	wait_for 30 "line 'ready'" grep -q '^ready' /out/log
}

box_stop() {
	kill -TERM "$box_pid"
	wait "$box_pid" || fail "dalabad ended with $?"
}

# box_halt SECONDS: it stands still so long, as a whole.
box_halt() {
	kill -STOP "$box_pid"
	sleep "$1"
	kill -CONT "$box_pid"
}

# api METHOD PATH [BODY]: prints the answer.
api() {
	curl --silent --show-error --fail-with-body --unix-socket $box/socket -X "$1" \
		${3:+-H "Content-Type: application/json" --data-binary "$3"} "http://box/api/v1$2"
}

# id_of ANSWER: the first number or hash called id.
id_of() {
	sed -n 's/.*"id": *"\{0,1\}\([0-9a-f]*\).*/\1/p' | head -1
}

# add_zone NAME PCM RATE CHANNEL: its own stereo output and a zone on one side of it; prints
# the zone's id.
add_zone() {
	local output
	output=$(api POST /outputs "{\"name\": \"$1\", \"pcm\": \"$2\", \"rate\": $3, \"channels\": 2}" | id_of)
	api POST /zones "{\"name\": \"$1\", \"output\": $output, \"channels\": [$4]}" | id_of
}

# add_clip FILE: prints its id.
add_clip() {
	curl --silent --show-error --fail-with-body --unix-socket $box/socket \
		--data-binary "@$1" "http://box/api/v1/clips?title=$(basename "$1")" | id_of
}

# push CLIP ZONE,...: a run some seconds ahead, which a slow machine needs; prints its id.
push() {
	local at
	at=$(date -d '+4 seconds' --iso-8601=ns | tr , .)
	api POST /runs "{\"clip\": \"$1\", \"zones\": [$2], \"class\": \"notice\", \"at\": \"$at\"}" | id_of
}

# card_there ID: a card of that id is there; card_number ID: prints its number.
card_there() {
	[[ -e /proc/asound/$1 ]]
}

card_number() {
	readlink "/proc/asound/$1" | tr -dc 0-9
}

outcomes() {
	api GET "/runs/$1" | grep -o '"outcome": *"[a-z]*"' | sort -u | sed 's/.*"\([a-z]*\)"$/\1/' | tr '\n' ' '
}

run_begun() {
	[[ $(outcomes "$1") == *playing* ]]
}

run_over() {
	local now
	now=$(outcomes "$1")
	[[ -n $now && ! $now =~ planned|playing|paused ]]
}

# play CLIP ZONE,... NAME: to its end; the run goes to /out/NAME.json.
play() {
	local run
	run=$(push "$1" "$2")
	wait_for 60 "end of run $run" run_over "$run"
	api GET "/runs/$run" >"/out/$3.json"
}

zone_status() {
	api GET /status | tr '\n' ' ' | grep -o "{\"id\": *$1,[^}]*}"
}

zone_is() {
	zone_status "$1" | grep -q "\"state\": *\"$2\""
}

# listen CARD FORMAT RATE: records what is played on the card into /out/CARD.raw at last.
listen() {
	mkdir -p $box
	arecord -q -D "hw:CARD=$1,DEV=1" -t raw -f "$2" -r "$3" -c 2 --buffer-time=4000000 "$box/$1.raw" &
	listeners+=($!)
}

listen_stop() {
	kill "${listeners[@]}"
	wait "${listeners[@]}" || true
	cp $box/*.raw /out/
}
listeners=()
