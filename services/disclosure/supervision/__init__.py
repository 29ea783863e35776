"""The restricted read models of supervision: alerts, cases, steps, proposals and appeals as supervisors count them."""
