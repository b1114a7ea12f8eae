"""`make bench`: the gateway measured beside something simpler, in the same minute on the same machine.

    python -m tests.bench            a table of ratios
    python -m tests.bench --json     the same, and one line of JSON after it
    python -m tests.bench --quick    fewer rounds, for trying the bench itself

docs/performance.md says what each line means. pytest collects nothing here.
"""
