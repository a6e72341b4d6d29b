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
# play_whole CLIP MS: until all of it was heard in every zone. What was played with less heard
# ran dry; that alone is a reason to play it again.
play_whole() {
	local ms run
	for _ in 1 2 3; do
		run=$(push "$1" "$fast,$slow,$right")
		wait_for 120 "end of run $run" run_over "$run"
		[[ $(outcomes "$run") == "played " ]] || fail "run $run: $(outcomes "$run")"
		ms=$(api GET "/runs/$run" | grep -o '"played_ms": *[0-9]*' | tr -dc '0-9\n' | sort -n | head -1)
		((ms < $2 - 20)) || return 0
	done
	fail "the machine stood still in each of three runs"
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
play_whole "$first" 40000
for card in Loopback Loopback_1 Loopback_2; do
	listen $card S32_LE 48000
done
play_whole "$clip" 60000
sleep 1
box_stop
listen_stop
