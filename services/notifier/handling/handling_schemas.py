"""What the REST API takes for what people do with an alert, and who could do it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.handling import deeds, lifecycle
from services.notifier.handling.lifecycle import Move


class MoveRequest(BaseModel):
    """A wish to bring an alert into another state."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=40, examples=["verifying"])]
    note: Annotated[str, Field(max_length=4000)] = ""
    outcome: Annotated[str | None, Field(max_length=40)] = None
    explanation: Annotated[
        str | None, Field(max_length=40, description="采信的正当原因 / the innocent explanation accepted")
    ] = None
    recovered_fen: Annotated[
        int, Field(strict=True, ge=0, le=lifecycle.book().most_recovered_fen, description="挽回金额(分)/ fen recovered")
    ] = 0
    people: Annotated[
        int, Field(strict=True, ge=0, le=lifecycle.book().most_people, description="追责人数 / people held to account")
    ] = 0

    def wish(self) -> Move:
        """The move that is wished for."""
        return Move(**self.model_dump())


class ReleaseRequest(BaseModel):
    """To give an alert back to all of its desk."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=deeds.MOST_NOTE)] = ""


class HandOverRequest(BaseModel):
    """To hand an alert to a colleague: his subject, from the list of colleagues, and what he has to know."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=200)]
    note: Annotated[str, Field(max_length=deeds.MOST_NOTE)]


class NoteRequest(BaseModel):
    """A note for the history."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=deeds.MOST_NOTE)]


class ExtensionRequest(BaseModel):
    """More working days for this state, and why."""

    model_config = ConfigDict(extra="forbid")

    working_days: Annotated[int, Field(strict=True, ge=1, le=100)]
    reason: Annotated[str, Field(max_length=deeds.MOST_NOTE)]


class ExtensionAnswer(BaseModel):
    """Whether more time is granted; a refusal needs a note."""

    model_config = ConfigDict(extra="forbid")

    grant: bool
    note: Annotated[str, Field(max_length=deeds.MOST_NOTE)] = ""


class Colleague(BaseModel):
    """Somebody at a desk of the alert to whom it can be handed over."""

    subject: str
    name: str
    desk: str


class Colleagues(BaseModel):
    """Those at the desks of an alert, but for the caller and whoever must stand aside."""

    items: list[Colleague]
