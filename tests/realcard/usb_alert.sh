# shellcheck shell=bash
# usb_alert.sh - a USB card is pulled out while an alert sounds on it and on the card beside
# it, and put back while the alert is in force.
listen Loopback S32_LE 48000
box_start
clip=$(add_clip /out/clip.opus)
near=$(add_zone near hw:CARD=Loopback,DEV=0 48000 0)
usb=$(add_zone usb hw:CARD=Audio,DEV=0 48000 1)
for zone in "$near" "$usb"; do
	api PATCH "/zones/$zone" '{"max_gain_db": 0}' >/dev/null
done
wait_for 20 "zones ready" zone_is "$usb" idle
alert=$(api POST /alerts "{\"headline\": \"flood\", \"clip\": \"$clip\", \"severity\": \"severe\",
	\"level\": \"town\", \"zones\": [$near, $usb]}" | id_of)
wait_for 10 "beginning of the alert" zone_is "$usb" playing
sleep 8 # behind the chime
echo "##UNPLUG"
wait_for 10 "fault of the zone" zone_is "$usb" fault
api GET /status >/out/pulled.json
# The first sounding is over there, and the gap not.
wait_for 30 "end of the words" zone_is "$near" idle
echo "##PLUG"
wait_for 20 "card" card_there Audio
began=$(date +%s%3N)
wait_for 20 "alert on the card that came back" zone_is "$usb" playing
echo $(($(date +%s%3N) - began)) >/out/back_ms
zone_is "$near" idle || fail "it waited for the next sounding"
sleep 8
# Its repeat, in both.
wait_for 40 "repeat" zone_is "$near" playing
sleep 14
wait_for 30 "end of the repeat" zone_is "$near" idle
# A card of the machine's that does not start at once is made up for now.
sleep 1
wait_for 30 "end of what was missed" zone_is "$usb" idle
api POST "/alerts/$alert/cancel" >/dev/null
api GET "/runs?limit=50" >/out/runs.json
sleep 1
box_stop
listen_stop
