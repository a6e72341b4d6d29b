# shellcheck shell=bash
# hw.sh - one run on two cards of the kernel's, one at 48 kHz and one at 44.1; then one whose
# box is stopped for a second, so that both cards run dry.
listen Loopback S32_LE 48000
listen Loopback_1 S16_LE 44100
box_start
first=$(add_clip /out/first.opus)
second=$(add_clip /out/second.opus)
near=$(add_zone near hw:CARD=Loopback,DEV=0 48000 0)
far=$(add_zone far hw:CARD=Loopback_1,DEV=0 44100 1)
wait_for 20 "zones ready" zone_is "$far" idle
play "$first" "$near,$far" first
run=$(push "$second" "$near,$far")
wait_for 20 "beginning of run $run" run_begun "$run"
sleep 1.5
box_halt 1
wait_for 60 "end of run $run" run_over "$run"
api GET "/runs/$run" >/out/second.json
sleep 1
box_stop
listen_stop
