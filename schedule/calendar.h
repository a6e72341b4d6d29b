/* calendar.h - what kind of day a day is (workdays, lunar days, solar terms), for the
 * conditions of rules. Owner: main, or a command. Threads: constant after filling. Pure:
 * never blocks. */
#pragma once

struct calendar; /* no condition asks for it yet; NULL stands for the empty one */
