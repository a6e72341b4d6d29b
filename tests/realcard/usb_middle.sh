# shellcheck shell=bash
# usb_middle.sh - a USB card is pulled out in the middle of a run, and put back while that goes
# on beside it; then the same with an alert.
listen Loopback S32_LE 48000
box_start
clip=$(add_clip /out/clip.opus)
near=$(add_zone near hw:CARD=Loopback,DEV=0 48000 0)
usb=$(add_zone usb hw:CARD=Audio,DEV=0 48000 1)
for zone in "$near" "$usb"; do
	api PATCH "/zones/$zone" '{"max_gain_db": 0}' >/dev/null
done
wait_for 20 "zones ready" zone_is "$usb" idle

# pull SECONDS: so long after it began to sound there.
pull() {
	wait_for 20 "beginning" zone_is "$usb" playing
	sleep "$1"
	echo "##UNPLUG"
	wait_for 10 "fault of the zone" zone_is "$usb" fault
	echo "##PLUG"
	wait_for 30 "sound on the card that came back" zone_is "$usb" playing
	zone_is "$near" playing || fail "what it came back to was over"
}

alert_over() {
	api GET "/alerts/$1" | grep -q '"state": *"played"'
}

run=$(push "$clip" "$near,$usb")
pull 2
wait_for 60 "end of run $run" run_over "$run"
api GET "/runs/$run" >/out/run.json

alert=$(api POST /alerts "{\"headline\": \"flood\", \"clip\": \"$clip\", \"severity\": \"severe\",
	\"level\": \"town\", \"zones\": [$near, $usb], \"repeat_every_s\": 0}" | id_of)
pull 8 # behind the chime
wait_for 150 "end of the alert" alert_over "$alert"
api GET "/runs?limit=50" >/out/runs.json
sleep 1
box_stop
listen_stop
