"""What a step would raise, asked of the detector before the step is taken. A detector that is away holds nobody up."""

import hashlib
from collections.abc import Sequence

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.alerts import Bilingual, Grade
from shared.contracts.power import NodeCompleted
from shared.telemetry import logger

_PATIENCE_SECONDS = 1.5
log = logger("prompts")


class Prompt(BaseModel):
    """One finding that the intended step would bring about; fields that the page doesn't show are left out."""

    model_config = ConfigDict(extra="ignore")

    rule_id: str
    grade: Grade
    title: Bilingual
    explanation: Bilingual
    basis: tuple[str, ...] = ()
    innocent_explanations: tuple[Bilingual, ...] = ()


class _Evaluation(BaseModel):
    findings: list[Prompt]


class Prompter:
    """Asks the detector in the caller's own name, so that it answers what the caller may know."""

    def __init__(self, detector_url: str) -> None:
        self._http = httpx.AsyncClient(base_url=detector_url, timeout=_PATIENCE_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def ask(self, step: NodeCompleted, token: str) -> list[Prompt] | None:
        """The prompts on a step, the gravest first; None when the detector doesn't answer in time."""
        try:
            answer = await self._http.post(
                "/v1/evaluate",
                content=step.model_dump_json(exclude_defaults=True),
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            )
            answer.raise_for_status()
            return _Evaluation.model_validate_json(answer.content).findings
        except (httpx.HTTPError, ValidationError) as error:
            log.warning("prompts.unanswered", error=type(error).__name__)
            return None


def digest(prompts: Sequence[Prompt]) -> str:
    """What a form carries back to say that just these prompts were read."""
    told = "\n".join(f"{prompt.rule_id}|{prompt.grade}|{prompt.explanation.zh}" for prompt in prompts)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
