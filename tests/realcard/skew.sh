# shellcheck shell=bash
# skew.sh - a run of a minute on two cards of the kernel's whose clocks are 100 ppm apart, and
# beside them on one that is right. Before it a shorter one, for the box to learn the
# clocks. Where the machine stands still for so long that a card runs dry it is played again.
set_clock() {
	local device
	for device in 0 1; do
		amixer -q -c "$1" cset "iface=PCM,name='PCM Rate Shift 100000',device=$device" "$2"
	done
}
# whole RUN: all that it has was heard, in every zone.
whole() {
	local ms
	for ms in $(api GET "/runs/$1" | grep -o '"played_ms": *[0-9]*' | tr -dc '0-9\n'); do
		((ms >= 59980)) || return 1
	done
}
set_clock Loopback 99995
set_clock Loopback_1 100005
box_start
first=$(add_clip /out/first.opus)
clip=$(add_clip /out/clip.opus)
fast=$(add_zone fast hw:CARD=Loopback,DEV=0 48000 0)
slow=$(add_zone slow hw:CARD=Loopback_1,DEV=0 48000 0)
right=$(add_zone right hw:CARD=Loopback_2,DEV=0 48000 0)
wait_for 20 "zones ready" zone_is "$right" idle
run=$(push "$first" "$fast,$slow,$right")
wait_for 90 "end of run $run" run_over "$run"
for _ in 1 2 3; do
	listen Loopback S32_LE 48000
	listen Loopback_1 S32_LE 48000
	listen Loopback_2 S32_LE 48000
	run=$(push "$clip" "$fast,$slow,$right")
	wait_for 120 "end of run $run" run_over "$run"
	sleep 1
	listen_stop
	listeners=()
	whole "$run" && break
done
api GET "/runs/$run" >/out/run.json
box_stop
