"""`make report`: every figure that was measured, on one page with charts: docs/figures.md.

`docs/figures/*.json` are the last quiet runs, `figures.yaml` names what is in them and says why what isn't reached
isn't. The page and the charts follow from these alone.
"""
