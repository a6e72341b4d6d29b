# shellcheck shell=bash
# usb_number.sh - a USB card that was set up by its number comes back with another one, and
# then, set up by its port, behind a second card of the same model that has taken its id.
drivers=$BUILD/../build-realcard/lib/modules/$(uname -r)/kernel/sound/drivers
box_start
clip=$(add_clip /out/clip.opus)
number=$(card_number Audio)
output=$(api POST /outputs "{\"name\": \"usb\", \"pcm\": \"hw:$number,0\", \"rate\": 48000}")
printf '%s\n' "$output" >/out/output.json
output=$(id_of <<<"$output")
usb=$(api POST /zones "{\"name\": \"usb\", \"output\": $output, \"channels\": [1]}" | id_of)
wait_for 20 "zone ready" zone_is "$usb" idle

echo "##UNPLUG"
wait_for 10 "fault of the zone" zone_is "$usb" fault
rmmod snd_dummy
insmod "$drivers/snd-dummy.ko" index="$number"
echo "##PLUG"
wait_for 20 "card" card_there Audio
card_number Audio >/out/number
wait_for 30 "the card to rejoin" zone_is "$usb" idle
play "$clip" "$usb" by_id

api GET /outputs/cards >/out/cards.json
port=$(tr ',{' '\n' </out/cards.json | sed -n 's/.*"usb": *"\(usb:[-0-9.]*\).*/\1/p')
api PATCH "/outputs/$output" "{\"pcm\": \"$port\"}" >/dev/null
wait_for 20 "zone ready by its port" zone_is "$usb" idle
play "$clip" "$usb" by_port
echo "##UNPLUG"
wait_for 10 "fault of the zone" zone_is "$usb" fault
api GET /status >/out/pulled.json
echo "##PLUG 2"
wait_for 20 "the other card" card_there Audio
sleep 1
zone_is "$usb" fault || fail "the other card was taken for it"
echo "##PLUG"
wait_for 20 "card" card_there Audio_1
wait_for 30 "the card to rejoin" zone_is "$usb" idle
play "$clip" "$usb" beside
api GET /outputs/cards >/out/both.json
sleep 1
box_stop
