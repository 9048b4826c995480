"""What Prometheus scrapes: usage as counters, requests, limits, and why one is missing.

`counters` integrates rounds of samples into running sums, `families` makes of them what
is served, `exposition` writes it as text, and `scrapes` answers over HTTP.
"""
