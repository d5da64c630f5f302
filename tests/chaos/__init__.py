"""The real program against an exchange that misbehaves, a machine that dies and a disk that is full."""
