"""A memory of samples: what they cover, their exact sums, and the file that keeps them.

integrate    which time a sample covers; sums, coverage and percentiles, exact
histogram    CPU by buckets, for hours whose samples are gone
rounds       when to poll, what of a poll is new, and whose each sample is
poller       polls a cluster: pods by watch, samples by list
archive      pods and nodes as JSON that reads back as they were
moment       what there was at a time, to be joined as the present is
figures      sums, means and percentiles of a range, exact
comparison   a pod of a workload before and after a rollout
reading      `open_history`: the series and figures of a range
recorder     writes rounds: objects, versions, series, samples, events
schema       the tables of the file and their versions
store        opens the file to write or to read; the only importer of ``sqlite3``
"""
