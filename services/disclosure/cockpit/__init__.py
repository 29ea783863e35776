"""Cockpit (决策辅助): what leaders see of power in the villages, down to the single case."""
