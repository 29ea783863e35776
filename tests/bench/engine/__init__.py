"""An established engine (Esper) beside our detector: the same questions over the same log, broker and database.

`esper.py` runs it, `registers.py` is what it may look up, `ours.py` is our detector with those questions alone,
`same.py` compares what both found, `beside.py` measures.
"""
