"""Starts a program as systemd's socket activation does: descriptors from 3 on, and what they are in the environment.

Usage: inherit.py NAMES DESCRIPTORS COMMAND [ARGUMENT ...]     both lists with colons between
"""

import fcntl
import os
import sys

names, descriptors = sys.argv[1], [int(number) for number in sys.argv[2].split(":")]
# Out of the way first: one of them may stand where another is to go.
moved = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in descriptors]
for place, number in enumerate(moved, start=3):
    os.dup2(number, place)
    os.close(number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(moved)), "LISTEN_FDNAMES": names}
os.execv(sys.argv[3], sys.argv[3:])
