"""Our detector with the questions alone that the engine is asked, too."""

from fastapi import FastAPI

from services.detector import rules
from services.detector.app import build
from services.detector.rules import Rulebook
from shared.background import spare_collector
from shared.settings import Settings

RULES = frozenset({"A016", "A075", "A078", "A081", "A090", "A091", "A113"})


def rulebook() -> Rulebook:
    """Those rules, as they stand in our rulebook."""
    return Rulebook([rule for rule in rules.load().rules if rule.id in RULES])


def create() -> FastAPI:
    """The app by the environment's settings, for `uvicorn --factory`."""
    app = build(Settings(), rulebook())
    spare_collector()
    return app
