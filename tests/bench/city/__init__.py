"""`make city`: what a city of 72 towns and 840 villages asks of disclosure -> build/bench.json."""
