# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs test functions and speaks TAP, for tests that are Python."""

import sys


def run(functions, call=lambda function: function()):
    """Runs every test_* of `functions` (a module's globals()) by `call`, each whatever became of those before, and exits.

    What a test returns is a note in its line: "SKIP why", for instance.
    """
    tests = [(name[5:], function) for name, function in functions.items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = False
    for number, (name, function) in enumerate(tests, 1):
        try:
            note = call(function)
            print(f"ok {number} {name}" + (f" # {note}" if note else ""), flush=True)
        except Exception as error:  # noqa: BLE001: whatever it is, the other tests run
            failed = True
            print(f"not ok {number} {name}\n# {type(error).__name__}: {error}", flush=True)
    sys.exit(int(failed))
