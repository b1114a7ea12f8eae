"""`make bench-proxy`: a tool call through the gateway, beside the direct call and beside other gateways, in one run.

    python -m tests.bench.proxy                       ratios, bars, and 10,000 calls with connections being dropped
    python -m tests.bench.proxy --profile             and where the time of a call goes
    python -m tests.bench.proxy --quick               fewer rounds and calls, for trying the bench itself

docs/performance.md says what each line means. pytest collects nothing here.
"""
