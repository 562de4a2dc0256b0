"""Programs that try to get out of the sandbox, and the proof that each would without the walls named as stopping it.

`areas` holds the table. `test_attacks` runs it against the real executor, as root and as an unprivileged user;
`test_controls` takes the named walls down, inside namespaces, and shows that the attack then works, and that each
wall named stops it alone. `python -m tests.security` prints the table with what happened.
"""
