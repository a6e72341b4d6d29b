# shellcheck shell=bash
# line.sh - what is played into one card is captured from it, as a line, and heard on another;
# then the capture is busy for a while, then its card goes away in the middle and comes back.
line=hw:CARD=Loopback_1,DEV=1,SUBDEV=0

speak() {
	aplay -q -D hw:CARD=Loopback_1,DEV=0,SUBDEV=0 --buffer-time=2000000 /out/said.wav 2>/dev/null &
	speaker=$!
}

# relay SECONDS: a run of the line some seconds ahead; prints its id.
relay() {
	local announcement at
	announcement=$(api POST /announcements "{\"title\": \"line\", \"parts\": [{\"line\": \"$line\", \"length_ms\": ${1}000}]}" | id_of)
	at=$(date -d '+5 seconds' --iso-8601=ns | tr , .)
	api POST /runs "{\"announcement\": $announcement, \"zones\": [$near], \"class\": \"notice\", \"at\": \"$at\"}" | id_of
}

# faulty WORDS: there is a fault of the line that says so.
faulty() {
	api GET /status >/out/status.json
	grep -q "\"line [^}]*$1" /out/status.json
}

whole() {
	! faulty ""
}

# over RUN NAME: to its end; it goes to /out/NAME.json, and the speaker falls silent.
over() {
	wait_for 90 "end of run $1" run_over "$1"
	api GET "/runs/$1" >"/out/$2.json"
	kill "$speaker" 2>/dev/null || true
	wait "$speaker" 2>/dev/null || true
}

listen Loopback S32_LE 48000
box_start
near=$(add_zone near hw:CARD=Loopback,DEV=0 48000 0)
wait_for 20 "zone ready" zone_is "$near" idle

speak
run=$(relay 8)
over "$run" heard

arecord -q -D "$line" -t raw -f S16_LE -r 48000 -c 1 /dev/null &
holder=$!
sleep 1
speak
run=$(relay 16)
wait_for 20 "fault that says busy" faulty "Device or resource busy"
wait_for 20 "beginning of run $run" run_begun "$run"
sleep 2
kill "$holder"
wait "$holder" || true
wait_for 20 "end of the fault" whole
over "$run" busy

speak
run=$(relay 24)
wait_for 20 "beginning of run $run" run_begun "$run"
sleep 3
began=$(date +%s%3N)
echo snd_aloop.1 >/sys/bus/platform/drivers/snd_aloop/unbind
wait_for 20 "fault that says gone" faulty "No such device"
echo $(($(date +%s%3N) - began)) >/out/gone_ms
kill "$speaker" 2>/dev/null || true
echo snd_aloop.1 >/sys/bus/platform/drivers/snd_aloop/bind
wait_for 20 "card" card_there Loopback_1
speak
wait_for 20 "end of the fault" whole
over "$run" gone
sleep 1
box_stop
listen_stop
