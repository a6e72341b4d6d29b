# shellcheck shell=bash
# usb.sh - a USB card is pulled out in the middle of a run and put back; the card beside it
# plays on.
listen Loopback S32_LE 48000
box_start
clip=$(add_clip /out/clip.opus)
near=$(add_zone near hw:CARD=Loopback,DEV=0 48000 0)
usb=$(add_zone usb hw:CARD=Audio,DEV=0 48000 1)
wait_for 20 "zones ready" zone_is "$usb" idle
run=$(push "$clip" "$near,$usb")
wait_for 20 "beginning of run $run" run_begun "$run"
sleep 1
echo "##UNPLUG"
wait_for 10 "fault of the zone" zone_is "$usb" fault
api GET /status >/out/pulled.json
wait_for 60 "end of run $run" run_over "$run"
api GET "/runs/$run" >/out/run.json
echo "##PLUG"
wait_for 30 "the card to rejoin" zone_is "$usb" idle
play "$clip" "$near,$usb" again
sleep 1
box_stop
listen_stop
