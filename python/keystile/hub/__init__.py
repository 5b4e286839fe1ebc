"""The Hub: the HTTP API that manages keys, and the gate over HTTP for programs that cannot hold one."""
