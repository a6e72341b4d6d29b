#!/usr/bin/python3
"""embed.py FILE... - the holiday files as C, for schedule/holidays.h."""

import pathlib
import sys

files = [pathlib.Path(name) for name in sys.argv[1:]]
print('#include "schedule/holidays.h"\n')
for i, path in enumerate(files):
    print(f"/* {path.name} */\nstatic const unsigned char file_{i}[] = {{")
    data = path.read_bytes()
    for at in range(0, len(data), 20):
        print("".join(f"{byte}," for byte in data[at : at + 20]))
    print("};\n")
print("const struct holidays_text *holidays_shipped(void) {")
print("\tstatic const struct holidays_text files[] = {")
for i in range(len(files)):
    print(f"\t\t{{(const char *)file_{i}, sizeof(file_{i})}},")
print("\t\t{NULL, 0},\n\t};\n\treturn files;\n}")
