"""Reconstruction: patient-level datasets that are consistent with all printed figures at once.

    figures ─► targets ─► joint counts ─► event histories ─► labels ─► numbers ─► checked members

`engine` is the door. `targets` turns figures into ranges of exact values; `counts` decides by integer
programming how many patients have which properties, and which counts cannot hold together;
`histories` finds times and events; `labels` gives properties to patients; `numbers` gives values.
Every member is then judged afresh by `ensemble.evaluate`; one that misses a target is replaced, so
that all members hold every target that is not set aside. `export` writes one member as the
registry it could have come from; it, and what only reads members, loads nothing of the search.

Members are not draws from a posterior: they are different datasets that the paper could have been
written from. What they agree on is known; their range is an inner bound of what is possible.
"""
